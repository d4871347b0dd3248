// serve(router, object) binds the methods that T lists in T::courier_methods to an object:
// arguments are checked and decoded, results encoded, and what the method throws reaches the caller
// as RemoteError. Batched methods get their calls together. The object must outlive the server;
// several of its methods may run at the same time.
#pragma once

#include <exception>
#include <string>
#include <tuple>
#include <utility>

#include "launchpad/courier/batcher.h"
#include "launchpad/courier/client.h"
#include "launchpad/courier/router.h"

namespace lp::courier {

// How messages name a class: "my::Producer".
std::string demangle(const char* name);

// Checks the encoding and the number of arguments.
Status check_arguments(const wire::Payload& payload, wire::Reader& reader, size_t arity);
// After the arguments: nothing was given by name.
Status check_no_keywords(wire::Reader& reader);

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
  LP_TRY(check_no_keywords(reader));
  return arguments;
}

// The method's results as a payload; what it was called with lives as long as they do.
template <auto Method, class T, class Arguments>
wire::Payload open_stream(T& object, Arguments& arguments) {
  const auto kept = std::make_shared<Arguments>(std::move(arguments));
  auto stream = std::apply([&](auto&... a) { return (object.*Method)(std::move(a)...); }, *kept);
  wire::Payload result;
  result.stream = std::make_shared<KeptResults>(std::move(stream).as_payloads(), kept);
  return result;
}

template <auto Method, class T>
Answer invoke(T& object, const wire::Payload& payload) {
  using S = Signature<decltype(Method)>;
  wire::Reader reader(payload);
  LP_TRY(check_arguments(payload, reader, S::arity));
  auto arguments =
      decode_arguments<typename S::Arguments>(reader, std::make_index_sequence<S::arity>());
  if (!arguments.ok()) return std::move(arguments).error();
  wire::Payload result;
  wire::Writer writer(result);
  try {
    const auto apply = [&] {
      return std::apply(
          [&](auto&... a) -> decltype(auto) { return (object.*Method)(std::move(a)...); },
          *arguments);
    };
    if constexpr (is_stream<typename S::Return>) {
      return open_stream<Method>(object, *arguments);
    } else if constexpr (std::is_void_v<typename S::Return>) {
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

// One call of a batched method, decoded.
template <class Arguments>
class Parked final : public Waiting {
 public:
  Parked(Call parked, Arguments decoded) : call(std::move(parked)), arguments(std::move(decoded)) {}
  std::optional<Error> gone() const override { return why_gone(call); }
  void fail(const Error& error) override { call.fail(error); }

  Call call;
  Arguments arguments;
};

// Runs the method for a batch: elements to vectors, and its vector back to elements.
template <auto Method, class T>
void run_batch(T& object, const std::string& full_name, Batch batch) {
  using S = Signature<decltype(Method)>;
  using One = typename SignatureOfOne<S>::Type;
  const auto fail = [&](Error error) {
    if (!error.remote()) error.message = full_name + ": " + error.message;
    for (auto& waiting : batch) waiting->fail(error);
  };
  typename S::Arguments columns;
  const auto fill = [&]<size_t... I>(std::index_sequence<I...>) {
    for (auto& waiting : batch) {
      auto& parked = static_cast<Parked<typename One::Arguments>&>(*waiting);
      (std::get<I>(columns).push_back(std::move(std::get<I>(parked.arguments))), ...);
    }
  };
  fill(std::make_index_sequence<S::arity>());
  try {
    const typename S::Return results = std::apply(
        [&](auto&... column) { return (object.*Method)(std::move(column)...); }, columns);
    if (results.size() != batch.size()) {
      fail(Error(Code::kInternal, "it returned " + std::to_string(results.size()) +
                                      " elements for a batch of " + std::to_string(batch.size()) +
                                      " calls"));
      return;
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      wire::Payload result;
      wire::Writer writer(result);
      wire::write<typename One::Return>(writer, results[i]);
      static_cast<Parked<typename One::Arguments>&>(*batch[i]).call.reply(result);
    }
  } catch (...) {
    fail(describe_current_exception());
  }
}

template <auto Method, class T>
Handler batched_handler(T& object, const std::string& full_name, const BatchedOptions& options,
                        const BatchThreads& threads) {
  using One = typename SignatureOfOne<Signature<decltype(Method)>>::Type;
  BatchOptions whole{.size = options.size,
                     .max_parallelism = options.max_parallelism,
                     .timeout = std::chrono::milliseconds(options.timeout_ms),
                     .threads = threads};
  const auto batcher = std::make_shared<Batcher>(std::move(whole), [&object, full_name](Batch b) {
    run_batch<Method>(object, full_name, std::move(b));
  });
  return [batcher, full_name](Call&& call) {
    const auto decode = [&]() -> Result<typename One::Arguments> {
      wire::Reader reader(call.arguments());
      LP_TRY(check_arguments(call.arguments(), reader, One::arity));
      return decode_arguments<typename One::Arguments>(reader,
                                                       std::make_index_sequence<One::arity>());
    };
    auto arguments = decode();
    if (!arguments.ok()) {
      Error error = std::move(arguments).error();
      error.message = full_name + ": " + error.message;
      call.fail(error);
      return;
    }
    batcher->add(std::make_unique<Parked<typename One::Arguments>>(std::move(call),
                                                                   std::move(arguments).value()));
  };
}

template <auto Method, class T>
Handler plain_handler(T& object, const std::string& full_name) {
  return [&object, full_name](Call&& call) {
    Answer answer = invoke<Method>(object, call.arguments());
    if (!answer.ok() && !answer.error().remote()) {
      Error error = std::move(answer).error();
      error.message = full_name + ": " + error.message;
      answer = std::move(error);
    }
    call.finish(answer);
  };
}

// `threads`: for the threads that run batches.
template <class T>
void serve(Router& router, T& object, const BatchThreads& threads = {}) {
  static_assert(Serves<T>,
                "the class does not say what others may call: add `using courier_methods = "
                "lp::Methods<...>;`");
  const std::string type = demangle(typeid(T).name());
  T::courier_methods::for_each([&]<auto Entry>() {
    constexpr auto method = pointer_of<Entry>();
    const std::string name(method_name<method>());
    const std::string full_name = type + "::" + name;
    Handler handler;
    if constexpr (is_batched<Entry>)
      handler = batched_handler<method>(object, full_name, Entry.options, threads);
    else
      handler = plain_handler<method>(object, full_name);
    const Status bound = router.bind(name, std::move(handler), has_priority<Entry>());
    LP_CHECK(bound.ok());
  });
}

}  // namespace lp::courier
