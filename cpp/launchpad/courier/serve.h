// serve(router, object) binds the methods that T lists in T::courier_methods to an object:
// arguments are checked and decoded, results encoded, and what the method throws reaches the caller
// as RemoteError. The object must outlive the server; several of its methods may run at the same
// time.
#pragma once

#include <exception>
#include <string>
#include <tuple>
#include <utility>

#include "launchpad/courier/client.h"
#include "launchpad/courier/router.h"

namespace lp::courier {

// The exception that is being handled, as the caller shall see it.
Error describe_current_exception();

// How messages name a class: "my::Producer".
std::string demangle(const char* name);

// Checks the encoding and the number of arguments.
Status check_arguments(const wire::Payload& payload, wire::Reader& reader, size_t arity);

template <class Arguments, size_t... I>
Result<Arguments> decode_arguments(wire::Reader& reader, std::index_sequence<I...>) {
  std::string why;
  // Read in order; the first that does not fit names itself.
  [[maybe_unused]] const auto one = [&]<size_t N>() {
    using A = std::tuple_element_t<N, Arguments>;
    A value = wire::read<A>(reader);
    if (!reader.ok() && why.empty()) {
      why = "argument " + std::to_string(N + 1) + ": " + reader.error()->message;
    }
    return value;
  };
  Arguments arguments{one.template operator()<I>()...};
  if (!why.empty()) return Error(Code::kInvalidArgument, std::move(why));
  return arguments;
}

template <auto Method, class T>
Answer invoke(T& object, const wire::Payload& payload) {
  using S = Signature<decltype(Method)>;
  wire::Reader reader(payload);
  LP_TRY(check_arguments(payload, reader, S::arity));
  LP_TRY_ASSIGN(auto arguments, (decode_arguments<typename S::Arguments>(
                                    reader, std::make_index_sequence<S::arity>())));
  wire::Payload result;
  wire::Writer writer(result);
  try {
    const auto apply = [&] {
      return std::apply(
          [&](auto&... a) -> decltype(auto) { return (object.*Method)(std::move(a)...); },
          arguments);
    };
    if constexpr (std::is_void_v<typename S::Return>) {
      apply();
      writer.nil();
    } else {
      wire::write<typename S::Return>(writer, apply());
    }
  } catch (...) {
    return describe_current_exception();
  }
  return result;
}

template <class T>
void serve(Router& router, T& object) {
  static_assert(Serves<T>,
                "the class does not say what others may call: add `using courier_methods = "
                "lp::Methods<...>;`");
  const std::string type = demangle(typeid(T).name());
  T::courier_methods::for_each([&]<auto Method>() {
    const std::string name(method_name<Method>());
    const std::string full_name = type + "::" + name;
    const Status bound = router.bind(name, [&object, full_name](Call call) {
      Answer answer = invoke<Method>(object, call.arguments());
      if (!answer.ok() && !answer.error().remote()) {
        Error error = std::move(answer).error();
        error.message = full_name + ": " + error.message;
        answer = std::move(error);
      }
      call.finish(answer);
    });
    LP_CHECK(bound.ok());
  });
}

}  // namespace lp::courier
