#include "launchpad/courier/serve.h"

#include <cxxabi.h>

#include <cstdlib>
#include <new>
#include <stdexcept>

namespace lp::courier {

std::string demangle(const char* name) {
  int status = 0;
  char* readable = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 ? readable : name;
  std::free(readable);
  return result;
}

Error describe_current_exception() {
  Error error;
  const std::type_info* type = abi::__cxa_current_exception_type();
  error.remote_type = type == nullptr ? "unknown" : demangle(type->name());
  try {
    throw;
  } catch (const Error& inner) {
    // A failed call of a call: what went wrong there is what goes wrong here.
    const std::string outer_type = error.remote_type;
    error = inner;
    if (!error.remote()) error.remote_type = outer_type;
  } catch (const std::invalid_argument& e) {
    error.code = Code::kInvalidArgument;
    error.message = e.what();
  } catch (const std::out_of_range& e) {
    error.code = Code::kOutOfRange;
    error.message = e.what();
  } catch (const std::bad_alloc& e) {
    error.code = Code::kResourceExhausted;
    error.message = e.what();
  } catch (const std::exception& e) {
    error.code = Code::kUnknown;
    error.message = e.what();
  } catch (...) {
    error.code = Code::kUnknown;
    error.message = "an exception of type " + error.remote_type;
  }
  return error;
}

Status check_arguments(const wire::Payload& payload, wire::Reader& reader, size_t arity) {
  if (payload.encoding != wire::Encoding::kTyped) {
    return Error(Code::kInvalidArgument,
                 "the arguments are a Python pickle, which C++ cannot read: pass None, bool, int, "
                 "float, str, "
                 "bytes, list, tuple, dict and numpy arrays");
  }
  const size_t given = reader.list();
  if (!reader.ok()) return *reader.error();
  if (given != arity) {
    // Perhaps some were given by name.
    wire::Reader rest = reader;
    for (size_t i = 0; i < given; ++i) rest.skip();
    LP_TRY(check_no_keywords(rest));
    return Error(Code::kInvalidArgument,
                 "takes " + std::to_string(arity) + (arity == 1 ? " argument, " : " arguments, ") +
                     std::to_string(given) + (given == 1 ? " was given" : " were given"));
  }
  return {};
}

Status check_no_keywords(wire::Reader& reader) {
  // Keyword arguments follow the list as a map.
  if (!reader.ok() || reader.at_end() || reader.map() == 0) return {};
  return Error(Code::kInvalidArgument, "a C++ method takes no keyword arguments, '" +
                                           std::string(reader.string()) + "' was given");
}

}  // namespace lp::courier
