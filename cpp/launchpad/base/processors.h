// What the machine's processors are at. Any thread.
#pragma once

namespace lp::base {

// How many there are.
long processors();
// How many threads of the machine run, or could, this one included. Takes 2 us. 0: it is not known.
long running_threads();

}  // namespace lp::base
