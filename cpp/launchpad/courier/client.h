// Client<T> calls the methods of a T that lives in another node. A value: copies share the
// connection, which ends with the last of them; `within` and `retrying` give copies with options of
// their own. Any thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "launchpad/courier/addresses.h"
#include "launchpad/courier/channel.h"
#include "launchpad/courier/future.h"
#include "launchpad/courier/methods.h"
#include "launchpad/courier/retry.h"
#include "launchpad/courier/router.h"
#include "launchpad/wire/codec.h"

namespace lp {
namespace courier {

// Closes the channel with the last client.
std::shared_ptr<Channel> make_shared_channel(net::Address address, ChannelOptions options);
// To one of several servers that offer the same: see balancer.h.
std::shared_ptr<Channel> make_shared_channel(Addresses addresses, ChannelOptions options);

// As what an argument travels: text of any kind as a string.
template <class A>
using Sent = std::conditional_t<std::is_convertible_v<const A&, std::string_view>, std::string,
                                std::decay_t<A>>;

// Typed arguments as a server takes them: a list.
template <class Arguments>
wire::Payload encode_arguments(const Arguments& arguments) {
  wire::Payload payload;
  wire::Writer writer(payload);
  writer.begin_list(std::tuple_size_v<Arguments>);
  std::apply([&](const auto&... argument) { (wire::write(writer, argument), ...); }, arguments);
  return payload;
}

}  // namespace courier

template <class T>
class Client {
 public:
  Client() = default;
  explicit Client(std::shared_ptr<courier::Channel> channel) : channel_(std::move(channel)) {}
  // A client of a server that some other program runs, e.g. "localhost:1234"; or of several that
  // offer the same, e.g. "round_robin:host1:80,host2:80" (see courier/addresses.h). Throws Error
  // for a bad address.
  static Client connect(std::string_view address, courier::ChannelOptions options = {}) {
    return Client(courier::make_shared_channel(courier::Addresses::parse(address).value_or_throw(),
                                               std::move(options)));
  }

  // Calls and waits. Throws lp::RemoteError if the method threw, lp::Error if the call could not be
  // made.
  template <auto Method, class... Args>
  auto call(Args&&... args) const {
    return result<Method>(std::forward<Args>(args)...).value_or_throw();
  }
  // The same as a Result.
  template <auto Method, class... Args>
  auto result(Args&&... args) const {
    using S = checked<Method, Args...>;
    constexpr std::string_view name = courier::method_name<Method>();
    return courier::decode_answer<typename S::Return>(
        answer(name, encode<Method>(std::forward<Args>(args)...)), name, channel_);
  }
  // Calls without waiting.
  template <auto Method, class... Args>
  auto async(Args&&... args) const {
    return async_encoded<Method, Args...>(encode<Method>(std::forward<Args>(args)...));
  }
  // The two halves of it, for calls that go to several servers with the same arguments.
  template <auto Method, class... Args>
  static wire::Payload encode(Args&&... args) {
    using S = checked<Method, Args...>;
    return courier::encode_arguments(
        courier::PassedFor<typename S::Arguments, Args...>(std::forward<Args>(args)...));
  }
  // Calls without waiting, with what `encode` gave.
  template <auto Method, class... Args>
  auto async_encoded(const wire::Payload& arguments) const {
    constexpr std::string_view name = courier::method_name<Method>();
    using R = typename checked<Method, Args...>::Return;
    courier::Channel& way = channel();
    if (retrier_ != nullptr)
      return Future<R>(channel_, name, retrier_, retrier_->start(name, arguments, deadline()));
    return Future<R>(channel_, name, way.start(name, arguments, deadline()));
  }

  // Calls a method by its name, for a server whose class is not known here (a Python node, say).
  template <class R, class... Args>
  R call_named(std::string_view method, const Args&... args) const {
    using Passed = courier::PassedFor<std::tuple<courier::Sent<Args>...>, Args...>;
    return courier::decode_answer<R>(answer(method, courier::encode_arguments(Passed(args...))),
                                     method, channel_)
        .value_or_throw();
  }

  // Passes a call on, with encoded arguments, without waiting. Calls back once, on a thread of the
  // client's or, if the call could not be sent, on this one.
  void forward(std::string_view method, const wire::Payload& arguments,
               courier::Callback callback) const;

  // A client whose calls fail with DEADLINE_EXCEEDED if they take longer.
  Client within(base::Nanos timeout) const {
    Client copy = *this;
    copy.timeout_ = timeout;
    return copy;
  }
  // A client that makes calls again which fail as UNAVAILABLE: those of the methods named here, as
  // &T::method, or in the policy, else all. They must be such that may run twice. Throws lp::Error
  // for a policy that makes no sense.
  template <auto... Method>
  Client retrying(RetryPolicy policy) const {
    static_assert((T::courier_methods::template contains<Method> && ...),
                  "a method is not listed in T::courier_methods");
    (policy.methods.emplace_back(courier::method_name<Method>()), ...);
    channel();
    Client copy = *this;
    copy.retrier_ = courier::Retrier::make(channel_, std::move(policy)).value_or_throw();
    return copy;
  }

  // False for one that was default-constructed, which must not be called.
  bool valid() const { return channel_ != nullptr; }
  // The connection, which copies of the client share.
  const std::shared_ptr<courier::Channel>& shared_channel() const { return channel_; }
  // Where the server is, e.g. "tcp:localhost:1234".
  std::string address() const { return channel().where(); }

  // Whether the server answers within `timeout`, and says that it is healthy.
  bool healthy(base::Nanos timeout = std::chrono::seconds(1)) const {
    wire::Payload none;
    wire::Writer(none).begin_list(0);
    auto healthy = courier::decode_answer<bool>(
        channel().call(courier::kHealth, none, base::Deadline::after(timeout)), courier::kHealth);
    return healthy.ok() && healthy.value();
  }

 private:
  template <auto Method, class... Args>
  struct Check {
    static_assert(std::is_member_function_pointer_v<decltype(Method)>,
                  "name the method as &T::method");
    using S = typename courier::SignatureFor<T, Method>::Type;
    static_assert(std::is_base_of_v<typename S::Class, T>,
                  "this is no method of the client's class T");
    static_assert(courier::Serves<T>,
                  "the class does not say what others may call: add `using courier_methods = "
                  "lp::Methods<...>;`");
    static_assert(T::courier_methods::template contains<Method>,
                  "the method is not listed in T::courier_methods");
    static_assert(sizeof...(Args) == S::arity, "the method takes another number of arguments");
    static_assert(courier::Accepts<S, std::tuple<Args...>>::value,
                  "an argument has the wrong type");
  };
  template <auto Method, class... Args>
  using checked = typename Check<Method, Args...>::S;

  courier::Channel& channel() const {
    LP_CHECK(valid()) << "an empty Client: it was default-constructed";
    return *channel_;
  }
  base::Deadline deadline() const {
    return timeout_ ? base::Deadline::after(*timeout_) : base::Deadline();
  }
  courier::Answer answer(std::string_view method, const wire::Payload& arguments) const {
    if (retrier_ != nullptr) return retrier_->call(method, arguments, deadline());
    return channel().call(method, arguments, deadline());
  }

  std::shared_ptr<courier::Channel> channel_;
  std::shared_ptr<courier::Retrier> retrier_;  // Null: a call runs at most once.
  std::optional<base::Nanos> timeout_;
};

template <class T>
void Client<T>::forward(std::string_view method, const wire::Payload& arguments,
                        courier::Callback callback) const {
  const auto start = [&](auto& way) -> Status {
    LP_TRY(way.start(method, arguments, deadline(), callback));
    return {};
  };
  const Status started = retrier_ != nullptr ? start(*retrier_) : start(channel());
  if (!started.ok()) callback(started.error());
}

}  // namespace lp
