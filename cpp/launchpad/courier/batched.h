// batched<&T::method>({.size = 8}) in Methods<...>: the method takes vectors and returns a vector;
// clients call it one by one, with one element of each, and get one element. Calls that wait for
// their batch cost no thread.
//
//   std::vector<float> value(std::vector<State> states);
//   using courier_methods = lp::Methods<lp::batched<&Policy::value>({.size = 8})>;
//   ...
//   float v = client.call<&Policy::value>(state);
#pragma once

#include <cstdint>
#include <tuple>
#include <type_traits>
#include <vector>

namespace lp {

// As a compile-time value: plain numbers.
struct BatchedOptions {
  uint32_t size = 1;          // A batch of so many runs at once.
  uint32_t timeout_ms = 200;  // A smaller one runs so long after its first call.
  int max_parallelism = 1;    // Batches that run at the same time, at most.
  bool priority = false;      // As lp::priority<&T::method>() has it.
};

namespace courier {

template <auto Method>
struct BatchedMethod {
  static constexpr auto method = Method;
  BatchedOptions options;
};

template <class Entry>
struct EntryOf {
  static constexpr bool is_batched = false;
};
template <auto Method>
struct EntryOf<BatchedMethod<Method>> {
  static constexpr bool is_batched = true;
};

// Of an entry of Methods<...>: a member pointer, a BatchedMethod or a PriorityMethod.
template <auto Entry>
inline constexpr bool is_batched = EntryOf<std::remove_cv_t<decltype(Entry)>>::is_batched;

template <class T>
struct ElementOf;
template <class T>
struct ElementOf<std::vector<T>> {
  using Type = T;
};
template <class T>
concept IsVector = requires {
  typename ElementOf<T>::Type;
};

template <class Arguments>
struct Elements {
  static constexpr bool all = false;
};
template <IsVector... V>
struct Elements<std::tuple<V...>> {
  static constexpr bool all = true;
  using Type = std::tuple<typename ElementOf<V>::Type...>;
};

}  // namespace courier

template <auto Method>
consteval courier::BatchedMethod<Method> batched(BatchedOptions options) {
  return {options};
}

}  // namespace lp
