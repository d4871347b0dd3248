// What the machine's processors are at. Any thread.
#pragma once

namespace lp::base {

// How many there are.
long processors();
// How many of them the calling thread may run on.
long usable_processors();
// How many threads of the machine run, or could, this one included. Takes 2 us. 0: it is not known.
long running_threads();
// Moves the calling thread to another processor than it runs on, if it may run on one; after that
// it may run wherever it could before. False: it stays. Takes 10 us.
bool change_core();

}  // namespace lp::base
