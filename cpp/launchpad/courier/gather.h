// gather(futures) waits for all of them and gives their results in order. broadcast<&T::m>(clients,
// args...) calls a method of many servers with arguments that are encoded once. Any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "launchpad/courier/client.h"
#include "launchpad/courier/future.h"

namespace lp {

// Waits for all; errors name the server. With a timeout, which is for all together, what has no
// answer then is cancelled and fails with DEADLINE_EXCEEDED.
template <class R>
std::vector<Result<R>> gather_results(std::vector<Future<R>> futures,
                                      std::optional<base::Nanos> timeout = std::nullopt) {
  const auto deadline = timeout ? base::Deadline::after(*timeout) : base::Deadline();
  std::vector<Result<R>> results;
  results.reserve(futures.size());
  for (size_t i = 0; i < futures.size(); ++i) {
    Future<R>& future = futures[i];
    const std::string call = "call " + std::to_string(i + 1) + " of " +
                             std::to_string(futures.size()) + ", to " + future.server();
    if (!deadline.never() && !future.wait_for(deadline.left()) && future.cancel()) {
      results.push_back(Error(Code::kDeadlineExceeded, call + ": not answered in time"));
      continue;
    }
    results.push_back(future.result());
    if (results.back().ok()) continue;
    Error error = results.back().error();
    error.message = call + ": " + error.message;
    results.back() = std::move(error);
  }
  return results;
}

// The values, or throws the first error in their order, after all are answered.
template <class R>
auto gather(std::vector<Future<R>> futures, std::optional<base::Nanos> timeout = std::nullopt) {
  auto results = gather_results(std::move(futures), timeout);
  if constexpr (std::is_void_v<R>) {
    for (auto& result : results) std::move(result).value_or_throw();
  } else {
    std::vector<R> values;
    values.reserve(results.size());
    for (auto& result : results) values.push_back(std::move(result).value_or_throw());
    return values;
  }
}

// A future for each client, in their order.
template <auto Method, class T, class... Args>
auto broadcast(const std::vector<Client<T>>& clients, Args&&... args) {
  const wire::Payload arguments =
      Client<T>::template encode<Method, Args...>(std::forward<Args>(args)...);
  std::vector<decltype(clients[0].template async_encoded<Method, Args...>(arguments))> futures;
  futures.reserve(clients.size());
  for (const Client<T>& client : clients)
    futures.push_back(client.template async_encoded<Method, Args...>(arguments));
  return futures;
}

}  // namespace lp
