// Methods<&T::a, &T::b> lists what others may call on a T; put `using courier_methods =
// lp::Methods<...>;` in the class. Names come from the pointers. Compile time only.
#pragma once

#include <array>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "launchpad/courier/priority.h"

namespace lp {
namespace courier {

// The last identifier of the text of a member pointer: "Producer::work" -> "work".
template <auto Method>
consteval std::string_view method_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  // "... [with auto Method = &Producer::work; std::string_view = ...]" (g++), "... [Method =
  // &Producer::work]" (clang).
  text.remove_prefix(text.find("Method = ") + 9);
  text = text.substr(0, text.find_first_of(";]"));
  text.remove_prefix(text.rfind("::") + 2);
  return text;
}

// What a method takes and gives.
template <class>
struct Signature;
template <class T, class R, class... A>
struct Signature<R (T::*)(A...)> {
  using Class = T;
  using Return = std::decay_t<R>;
  using Arguments = std::tuple<std::decay_t<A>...>;
  static constexpr size_t arity = sizeof...(A);
  template <class... G>
  static constexpr bool takes = sizeof...(G) == sizeof...(A) &&
                                std::conjunction_v<std::is_convertible<G, std::decay_t<A>>...>;
};
template <class T, class R, class... A>
struct Signature<R (T::*)(A...) const> : Signature<R (T::*)(A...)> {};
template <class T, class R, class... A>
struct Signature<R (T::*)(A...) noexcept> : Signature<R (T::*)(A...)> {};
template <class T, class R, class... A>
struct Signature<R (T::*)(A...) const noexcept> : Signature<R (T::*)(A...)> {};

// What a client of a batched method passes and gets: one element of each vector.
template <class S, class Arguments>
struct OneOf;
template <class S, class... A>
struct OneOf<S, std::tuple<A...>> {
  using Class = typename S::Class;
  using Return = typename ElementOf<typename S::Return>::Type;
  using Arguments = std::tuple<A...>;
  static constexpr size_t arity = sizeof...(A);
  template <class... G>
  static constexpr bool takes =
      sizeof...(G) == sizeof...(A) && std::conjunction_v<std::is_convertible<G, A>...>;
};
template <class S>
struct SignatureOfOne {
  static_assert(Elements<typename S::Arguments>::all && S::arity > 0 &&
                    IsVector<typename S::Return>,
                "a batched method takes std::vectors, one element for each call, and returns one");
  using Type = OneOf<S, typename Elements<typename S::Arguments>::Type>;
};

// is_convertible<...> over two packs of different length must not be expanded.
template <class S, class Given, class = void>
struct Accepts : std::false_type {};
template <class S, class... G>
struct Accepts<S, std::tuple<G...>, std::enable_if_t<S::arity == sizeof...(G)>>
    : std::bool_constant<S::template takes<G...>> {};

// What a method's arguments are encoded from: the caller's own where they have the parameter's
// type, not copies; else what they are converted to.
template <class Taken, class Given, class = void>
struct Passed {
  using Type = Taken;
};
template <class... T, class... G>
struct Passed<std::tuple<T...>, std::tuple<G...>, std::enable_if_t<sizeof...(T) == sizeof...(G)>> {
  template <class A, class B>
  using One = std::conditional_t<std::is_same_v<std::remove_cvref_t<B>, A>, const A&, A>;
  using Type = std::tuple<One<T, G>...>;
};
template <class Taken, class... Given>
using PassedFor = typename Passed<Taken, std::tuple<Given...>>::Type;

}  // namespace courier

template <auto... Method>
struct Methods {
  // How many there are.
  static constexpr size_t size = sizeof...(Method);
  // The names, in the order of the list.
  static constexpr std::array<std::string_view, sizeof...(Method)> names = {
      courier::method_name<courier::pointer_of<Method>()>()...};
  // Whether &T::m is one of them.
  template <auto M>
  static constexpr bool contains =
      ((courier::method_name<courier::pointer_of<Method>()>() == courier::method_name<M>()) || ...);
  // Whether it is batched.
  template <auto M>
  static constexpr bool batches = ((courier::is_batched<Method> &&
                                    courier::method_name<courier::pointer_of<Method>()>() ==
                                        courier::method_name<M>()) ||
                                   ...);
  // Calls visitor.template operator()<M>() for each entry.
  template <class Visitor>
  static void for_each(Visitor&& visitor) {
    (visitor.template operator()<Method>(), ...);
  }
};

namespace courier {

// A class that says what others may call.
template <class T>
concept Serves = requires {
  T::courier_methods::size;
};

// What a client of T passes to a method and gets from it.
template <class T, auto Method>
struct SignatureFor {
  using Type = Signature<decltype(Method)>;
};
template <Serves T, auto Method>
requires(T::courier_methods::template batches<Method>) struct SignatureFor<T, Method> {
  using Type = typename SignatureOfOne<Signature<decltype(Method)>>::Type;
};

}  // namespace courier
}  // namespace lp
