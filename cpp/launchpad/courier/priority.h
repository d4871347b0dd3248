// priority<&T::method>() in Methods<...>: calls of the method go before others, and run although
// all of the server's threads are busy with methods without priority.
//
//   using courier_methods = lp::Methods<&Model::train, lp::priority<&Model::progress>()>;
#pragma once

#include <type_traits>

#include "launchpad/courier/batched.h"

namespace lp {
namespace courier {

template <auto Method>
struct PriorityMethod {
  static constexpr auto method = Method;
};

template <class Entry>
struct IsPriority : std::false_type {};
template <auto Method>
struct IsPriority<PriorityMethod<Method>> : std::true_type {};

// Whether an entry of Methods<...> asks for it.
template <auto Entry>
consteval bool has_priority() {
  if constexpr (is_batched<Entry>)
    return Entry.options.priority;
  else
    return IsPriority<std::remove_cv_t<decltype(Entry)>>::value;
}

// The member pointer of an entry.
template <auto Entry>
consteval auto pointer_of() {
  if constexpr (std::is_member_function_pointer_v<std::remove_cv_t<decltype(Entry)>>)
    return Entry;
  else
    return Entry.method;
}

}  // namespace courier

template <auto Method>
consteval courier::PriorityMethod<Method> priority() {
  return {};
}

}  // namespace lp
