// How constructor arguments change on their way into a running node: handles become clients, also
// inside vector, array, map, tuple, pair, optional; everything else stays. A struct of one's own
// that holds handles joins by an adaptor:
//
//   template <> struct lp::HandleAdaptor<Config> {
//     static auto handles(const Config& c) { return std::tie(c.producer); }            // The
//     edges. static Resolved resolve(const Config& c) { return {lp::resolve(c.producer), c.size}; }
//   };
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "launchpad/graph/handle.h"
#include "launchpad/run/context.h"

namespace lp {

// Asks the launcher to stop the whole program. Callable from any thread of any node.
class ProgramStopper {
 public:
  void operator()() const;
  // Bound to the calling thread's context; unbound ones take the context where they are called.
  ProgramStopper bound() const;

 private:
  std::shared_ptr<const run::Context> context_;
};
// What a node is given to stop its program with: see make_program_stopper().
using StopFn = std::function<void()>;

template <class T>
struct HandleAdaptor;  // Specialise it: see above.

namespace graph {

template <class T>
concept Adapted = requires(const T& value) {
  HandleAdaptor<T>::handles(value);
  HandleAdaptor<T>::resolve(value);
};

// Values without handles.
template <class T>
struct Resolver {
  using Type = T;
  static const T& resolve(const T& value) { return value; }
  static void collect(const T&, Inputs&) {}
};

template <class T>
using Resolved = typename Resolver<T>::Type;

template <class T>
struct Resolver<Handle<T>> {
  using Type = Client<T>;
  static Type resolve(const Handle<T>& handle) { return handle.dereference(); }
  static void collect(const Handle<T>& handle, Inputs& inputs) { inputs.push_back(handle.slot()); }
};

template <>
struct Resolver<ProgramStopper> {
  using Type = ProgramStopper;
  static Type resolve(const ProgramStopper& stopper) { return stopper.bound(); }
  static void collect(const ProgramStopper&, Inputs&) {}
};

template <Adapted T>
struct Resolver<T> {
  using Type = std::decay_t<decltype(HandleAdaptor<T>::resolve(std::declval<const T&>()))>;
  static Type resolve(const T& value) { return HandleAdaptor<T>::resolve(value); }
  static void collect(const T& value, Inputs& inputs) {
    std::apply(
        [&](const auto&... part) {
          (Resolver<std::decay_t<decltype(part)>>::collect(part, inputs), ...);
        },
        HandleAdaptor<T>::handles(value));
  }
};

template <class T>
struct Resolver<std::vector<T>> {
  using Type = std::vector<Resolved<T>>;
  static Type resolve(const std::vector<T>& values) {
    Type resolved;
    resolved.reserve(values.size());
    for (const auto& value : values) resolved.push_back(Resolver<T>::resolve(value));
    return resolved;
  }
  static void collect(const std::vector<T>& values, Inputs& inputs) {
    for (const auto& value : values) Resolver<T>::collect(value, inputs);
  }
};

template <class T>
struct Resolver<std::optional<T>> {
  using Type = std::optional<Resolved<T>>;
  static Type resolve(const std::optional<T>& value) {
    return value ? Type(Resolver<T>::resolve(*value)) : std::nullopt;
  }
  static void collect(const std::optional<T>& value, Inputs& inputs) {
    if (value) Resolver<T>::collect(*value, inputs);
  }
};

template <class From, class To>
struct MapResolver {
  using Type = To;
  using Mapped = typename From::mapped_type;
  static Type resolve(const From& map) {
    Type resolved;
    for (const auto& [key, value] : map) resolved.emplace(key, Resolver<Mapped>::resolve(value));
    return resolved;
  }
  static void collect(const From& map, Inputs& inputs) {
    for (const auto& [key, value] : map) Resolver<Mapped>::collect(value, inputs);
  }
};
template <class K, class V>
struct Resolver<std::map<K, V>> : MapResolver<std::map<K, V>, std::map<K, Resolved<V>>> {};
template <class K, class V>
struct Resolver<std::unordered_map<K, V>>
    : MapResolver<std::unordered_map<K, V>, std::unordered_map<K, Resolved<V>>> {};

template <class Tuple, class To>
struct TupleResolver {
  using Type = To;
  static Type resolve(const Tuple& values) {
    return std::apply(
        [](const auto&... value) {
          return Type{Resolver<std::decay_t<decltype(value)>>::resolve(value)...};
        },
        values);
  }
  static void collect(const Tuple& values, Inputs& inputs) {
    std::apply(
        [&](const auto&... value) {
          (Resolver<std::decay_t<decltype(value)>>::collect(value, inputs), ...);
        },
        values);
  }
};
template <class... T>
struct Resolver<std::tuple<T...>> : TupleResolver<std::tuple<T...>, std::tuple<Resolved<T>...>> {};
template <class A, class B>
struct Resolver<std::pair<A, B>>
    : TupleResolver<std::pair<A, B>, std::pair<Resolved<A>, Resolved<B>>> {};
template <class T, size_t N>
struct Resolver<std::array<T, N>> : TupleResolver<std::array<T, N>, std::array<Resolved<T>, N>> {};

}  // namespace graph

// What a node gets for `value`; inside a running node.
template <class T>
auto resolve(const T& value) {
  return graph::Resolved<T>(graph::Resolver<T>::resolve(value));
}

}  // namespace lp
