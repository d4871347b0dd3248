#include "launchpad/base/check.h"

#include <cstdlib>
#include <iostream>

namespace lp::base {

CheckFailure::CheckFailure(const char* file, int line, const char* condition) {
  stream_ << "launchpad: check failed at " << file << ':' << line << ": " << condition << ' ';
}

CheckFailure::~CheckFailure() {
  std::cerr << stream_.str() << std::endl;
  std::abort();
}

}  // namespace lp::base
