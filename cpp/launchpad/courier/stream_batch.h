// Several results of a stream as one payload, for the way from server to client. Pure.
#pragma once

#include <vector>

#include "launchpad/base/result.h"
#include "launchpad/wire/payload.h"

namespace lp::courier {

struct StreamBatch {
  std::vector<wire::Payload> results;
  bool last = false;  // There are no more.
};

// Bodies are copied, buffers are not.
wire::Payload encode_batch(const StreamBatch& batch);
// INVALID_ARGUMENT for what encode_batch did not make.
Result<StreamBatch> decode_batch(const wire::Payload& payload);

}  // namespace lp::courier
