#include "launchpad/base/result.h"

namespace lp::base {

BoxedError::BoxedError(Error&& error) : error_(new Error(std::move(error))) {}

void BoxedError::End::operator()(Error* error) const { delete error; }

BoxedError::Owned BoxedError::copy(const Error& error) { return Owned(new Error(error)); }

}  // namespace lp::base
