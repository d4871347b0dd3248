// The calls that are measured of ours: a served class, and the works of a client of it. Used by
// courier.cc (a server that stands alone) and ours.cc (inside a launched program).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "launchpad/courier/client.h"
#include "launchpad/courier/generator.h"
#include "launchpad/courier/serve.h"
#include "measure.h"

namespace bench {

// What is called.
class Echo {
 public:
  std::string echo(std::string payload) { return payload; }
  lp::Tensor echo_array(lp::Tensor array) { return array; }
  float send_array(lp::Tensor array) { return array.data<float>()[0]; }
  lp::Stream<std::string> stream(int count) {
    for (int i = 0; i < count; ++i) co_yield std::string(kPayload, 'x');
  }
  // Puts the server's process on a core.
  void pin(int core) { pin_process(core); }

  using courier_methods =
      lp::Methods<&Echo::echo, &Echo::echo_array, &Echo::send_array, &Echo::stream, &Echo::pin>;
};

inline void measure_our_arrays(const char* name, const Options& options,
                               const lp::Client<Echo>& client, const std::string& work) {
  for (const Size& size : options.sizes()) {
    lp::Tensor array(lp::DType::kFloat32, {static_cast<int64_t>(size.bytes / sizeof(float))});
    measure_array(name, options, work, size, [&](float stamp) {
      array.mutable_data<float>()[0] = stamp;
      if (work == "send") return client.call<&Echo::send_array>(array);
      return client.call<&Echo::echo_array>(array).data<float>()[0];
    });
  }
}

// `count` calls issued before the first is waited for.
inline void call_all(const lp::Client<Echo>& client, const std::string& payload, int count) {
  std::vector<lp::Future<std::string>> futures;
  futures.reserve(count);
  for (int i = 0; i < count; ++i) futures.push_back(client.async<&Echo::echo>(payload));
  for (auto& future : futures) future.get();
}

inline void measure_our_calls(const char* name, const Options& options,
                              const lp::Client<Echo>& client) {
  const std::string payload(kPayload, 'x');
  if (options.cores.size() == 2) {
    client.call<&Echo::pin>(options.cores[1]);
    pin_process(options.cores[0]);
  }
  if (options.has("sync")) {
    measure_sync(name, options, "sync", [&] { client.call<&Echo::echo>(payload); });
  }
  if (options.has("pipelined")) {
    measure_pipelined(name, options, [&] { call_all(client, payload, kBatch); });
  }
  if (options.has("stream")) {
    measure_stream(name, options, [&] {
      int whole = 0;
      for (const std::string& result : client.call<&Echo::stream>(kStream))
        whole += result == payload;
      return whole;
    });
  }
  for (const char* work : {"echo", "send"}) {
    if (options.has(work)) measure_our_arrays(name, options, client, work);
  }
}

}  // namespace bench
