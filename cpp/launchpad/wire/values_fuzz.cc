// Any body through Reader: each value is read as what it says it is, or refused; what was read is
// written and read again as the same.
#include <cstdint>
#include <string>
#include <vector>

#include "launchpad/base/check.h"
#include "launchpad/wire/reader.h"
#include "launchpad/wire/writer.h"

namespace {

using lp::wire::Kind;
using lp::wire::Payload;
using lp::wire::Reader;
using lp::wire::Writer;

// Copies one value from `in` to `out`.
void copy_value(Reader& in, Writer& out, int depth) {
  if (depth > lp::wire::kMaxDepth) in.fail("too deep");
  if (!in.ok()) return;
  switch (in.peek()) {
    case Kind::kNothing:
      return in.fail("nothing");
    case Kind::kNil:
      in.nil();
      return out.nil();
    case Kind::kBool:
      return out.boolean(in.boolean());
    case Kind::kInt:
      return out.integer(in.integer());
    case Kind::kReal:
      return out.real(in.real());
    case Kind::kString:
      return out.string(in.string());
    case Kind::kBytes:
      return out.bytes(in.bytes());
    case Kind::kTensor: {
      const lp::Tensor tensor = in.tensor();
      if (in.ok()) out.tensor(tensor);
      return;
    }
    case Kind::kClient:
      return out.client(in.client());
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kMap:
      break;
  }
  const Kind kind = in.peek();
  size_t mark = 0;
  size_t count = kind == Kind::kMap ? 2 * in.map() : kind == Kind::kTuple ? in.tuple() : in.list();
  if (kind == Kind::kTuple) mark = out.begin_tuple(count);
  if (kind == Kind::kList) out.begin_list(count);
  if (kind == Kind::kMap) out.begin_map(count / 2);
  for (; count > 0 && in.ok(); --count) copy_value(in, out, depth + 1);
  if (kind == Kind::kTuple) out.end_tuple(mark);
}

Payload copy_all(const Payload& payload, bool& ok) {
  Payload copy;
  Reader in(payload);
  Writer out(copy);
  while (in.ok() && !in.at_end()) copy_value(in, out, 0);
  ok = in.ok();
  return copy;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Payload payload;
  payload.body.assign(reinterpret_cast<const char*>(data), size);
  payload.buffers.push_back(lp::wire::Buffer::allocate(256));
  std::fill_n(payload.buffers[0].mutable_data(), 256, std::byte{1});

  Reader skipping(payload);
  while (skipping.ok() && !skipping.at_end()) skipping.skip();

  bool ok = false;
  const Payload once = copy_all(payload, ok);
  if (!ok) return 0;
  const Payload twice = copy_all(once, ok);
  LP_CHECK(ok) << "what was written cannot be read";
  LP_CHECK(twice.body == once.body) << "what was written reads as something else";
  return 0;
}
