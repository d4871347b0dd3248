#include "launchpad/base/result.h"

#include <cstdlib>

namespace lp::base {

BoxedError::BoxedError(Error&& error) : error_(new Error(std::move(error))) {}

void BoxedError::End::operator()(Error* error) const { delete error; }

BoxedError::Owned BoxedError::copy(const Error& error) { return Owned(new Error(error)); }

void no_value(const Error& error) {
  LP_CHECK(false) << "Result holds an error: " << error.message;
  std::abort();
}

void no_error() {
  LP_CHECK(false) << "Result holds no error";
  std::abort();
}

}  // namespace lp::base
