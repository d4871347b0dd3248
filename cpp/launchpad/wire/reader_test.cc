// What a Reader does with bytes that no Writer wrote. Every allocation of this test program is
// watched, so that a claim of many elements cannot cost memory that nobody paid for.
#include "launchpad/wire/reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <new>

#include "launchpad/base/rng.h"
#include "launchpad/wire/codec.h"

namespace {
thread_local size_t largest_allocation = 0;
}  // namespace

// Not inlined, or the compiler sees malloc'ed memory meet delete and warns.
[[gnu::noinline]] void* operator new(size_t size) {
  largest_allocation = std::max(largest_allocation, size);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace lp::wire {
namespace {

constexpr int kRounds = 20'000;
// Payloads here have a few hundred bytes; decoded, an element has at most some hundred.
constexpr size_t kAbsurdBytes = 1 << 20;

struct Item {
  int id = 0;
  std::string label;
  std::optional<double> weight;
  std::vector<Item> parts;
  LP_FIELDS(id, label, weight, parts);
};

using Any = std::variant<std::monostate, bool, int64_t, double, std::string, Bytes, Tensor,
                         std::vector<std::variant<int, std::string>>, std::map<std::string, Item>>;
using Everything = std::tuple<Item, Any, std::vector<Any>, std::map<int, std::vector<float>>,
                              Tensor, std::pair<Bytes, std::array<uint8_t, 3>>>;

// Reads a T; whether it and nothing else was there. If so, skip() must agree on where it ends.
template <class T>
bool reads(const Payload& payload) {
  Reader reader(payload);
  read<T>(reader);
  if (!reader.ok()) {
    EXPECT_EQ(reader.error()->code, Code::kInvalidArgument);
    EXPECT_FALSE(reader.error()->message.empty());
    return false;
  }
  Reader skipping(payload);
  skipping.skip();
  EXPECT_TRUE(skipping.ok());
  EXPECT_EQ(skipping.at_end(), reader.at_end());
  return true;
}

const std::vector<std::function<bool(const Payload&)>>& readers() {
  static const std::vector<std::function<bool(const Payload&)>> all = {
      reads<bool>,
      reads<int8_t>,
      reads<uint64_t>,
      reads<double>,
      reads<std::string>,
      reads<Bytes>,
      reads<Tensor>,
      reads<std::vector<int>>,
      reads<std::vector<std::vector<std::string>>>,
      reads<std::vector<std::array<double, 4>>>,
      reads<std::map<std::string, Any>>,
      reads<std::unordered_map<int, Tensor>>,
      reads<std::tuple<int, std::optional<Item>, Any>>,
      reads<std::vector<Item>>,
      reads<Any>,
      reads<Everything>,
      [](const Payload& payload) {
        Reader reader(payload);
        reader.client();
        Reader skipping(payload);
        skipping.skip();
        EXPECT_TRUE(!reader.ok() || skipping.at_end() == reader.at_end());
        return reader.ok();
      },
      [](const Payload& payload) {
        Reader reader(payload);
        while (reader.ok() && !reader.at_end()) reader.skip();
        return reader.ok();
      }};
  return all;
}

Everything everything() {
  const Item item{7, "seven", 0.5, {{8, "eight", {}, {}}, {9, std::string(40, 'n'), 1.0, {}}}};
  return {item,
          std::vector<std::variant<int, std::string>>{1, "two", 300},
          {Any(true), Any(int64_t{-70000}), Any(2.5), Any(Bytes{"raw"}),
           Any(Tensor::of<int>({1, 2})), Any(std::map<std::string, Item>{{"k", item}})},
          {{-1, {1, 2}}, {5, {}}},
          Tensor(DType::kUint8, {1, static_cast<int64_t>(kInlineTensorBytes)}),
          {Bytes{std::string(50, '\0')}, {1, 2, 3}}};
}

Payload valid_payload() {
  Payload payload;
  Writer writer(payload);
  write(writer, everything());
  return payload;
}

uint64_t below(base::Rng& rng, uint64_t bound) { return rng() % bound; }

// One or more changes that keep much of the payload as it was.
void mutate(Payload& payload, base::Rng& rng) {
  static constexpr char kTags[] =
      "\x00\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc4\xc6\xc7\xc9\xcb\xcf"
      "\xd3\xd9\xdb\xdc\xdd\xde\xdf\xe0\xff";
  Body& body = payload.body;
  for (uint64_t n = 1 + below(rng, 4); n > 0 && !body.empty(); --n) {
    const size_t at = below(rng, body.size());
    switch (below(rng, 7)) {
      case 0:
        body[at] = static_cast<char>(rng());
        break;
      case 1:
        body[at] = kTags[below(rng, sizeof(kTags) - 1)];
        break;
      case 2:
        body[at] = static_cast<char>(body[at] ^ (1 << below(rng, 8)));
        break;
      case 3:
        body.resize(at);
        break;
      case 4:
        body.erase(at, 1 + below(rng, 9));
        break;
      case 5:
        body.insert(at, body.substr(below(rng, body.size()), below(rng, 20)));
        break;
      default:
        payload.buffers.resize(below(rng, 2));
        break;
    }
  }
}

TEST(ReaderFuzz, RandomBytesEndInAValueOrAnError) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE(testing::Message() << "LP_SEED=" << seed);
  base::Rng rng(seed);
  largest_allocation = 0;
  for (int round = 0; round < kRounds; ++round) {
    Payload payload;
    payload.body.resize(below(rng, 200));
    // Small tags are as likely as all others, or hardly any container would be begun.
    for (char& c : payload.body)
      c = static_cast<char>(below(rng, 2) ? rng() : 0x80 + below(rng, 96));
    readers()[below(rng, readers().size())](payload);
    ASSERT_LT(largest_allocation, kAbsurdBytes) << "in round " << round;
  }
}

TEST(ReaderFuzz, MutatedPayloadsEndInAValueOrAnError) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE(testing::Message() << "LP_SEED=" << seed);
  base::Rng rng(seed);
  const Payload valid = valid_payload();
  int still_read = 0;
  largest_allocation = 0;
  for (int round = 0; round < kRounds; ++round) {
    Payload payload = valid;
    mutate(payload, rng);
    still_read += reads<Everything>(payload);
    if (round % 4 == 0) readers()[below(rng, readers().size())](payload);
    ASSERT_LT(largest_allocation, kAbsurdBytes) << "in round " << round;
  }
  // Neither all nor none: the mutations are small enough to get far and large enough to matter.
  EXPECT_GT(still_read, kRounds / 100);
  EXPECT_LT(still_read, kRounds * 9 / 10);
}

TEST(ReaderFuzz, EveryPrefixOfAPayloadIsAnError) {
  const Payload valid = valid_payload();
  ASSERT_TRUE(reads<Everything>(valid));
  for (size_t size = 0; size < valid.body.size(); ++size) {
    Payload payload = valid;
    payload.body.resize(size);
    EXPECT_FALSE(reads<Everything>(payload)) << size;
    Reader reader(payload);
    reader.skip();
    EXPECT_FALSE(reader.ok()) << size;
  }
}

std::string error_of(const std::string& body, const std::function<void(Reader&)>& read_it,
                     std::vector<Buffer> buffers = {}) {
  Payload payload;
  payload.body = body;
  payload.buffers = std::move(buffers);
  Reader reader(payload);
  read_it(reader);
  return reader.ok() ? "no error" : reader.error()->message;
}

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text.push_back(static_cast<char>(value));
  return text;
}

TEST(Reader, RefusesAClaimOfMoreElementsThanThereAreBytes) {
  largest_allocation = 0;
  const auto list = bytes({0xdd, 0xff, 0xff, 0xff, 0xff, 1, 2});
  const auto map = bytes({0xdf, 0xff, 0xff, 0xff, 0xff, 1, 2});
  EXPECT_EQ(error_of(list, read<std::vector<std::string>>), "a list is cut short");
  EXPECT_EQ(error_of(list, read<std::vector<Tensor>>), "a list is cut short");
  EXPECT_EQ(error_of(map, read<std::map<int, int>>), "a dict is cut short");
  EXPECT_EQ(error_of(list, [](Reader& r) { r.skip(); }), "a list is cut short");
  EXPECT_EQ(error_of(map, [](Reader& r) { r.skip(); }), "a dict is cut short");
  for (const int tag : {0xdb, 0xc6}) {
    const auto text = bytes({tag, 0xff, 0xff, 0xff, 0xff, 'a'});
    EXPECT_EQ(error_of(text, [](Reader& r) { r.skip(); }), "the value is cut short");
  }
  EXPECT_LT(largest_allocation, size_t{4096});
}

TEST(Reader, TakesAClaimedCountOnlyAsFarAsItIsPaidFor) {
  // 5,000 is possible for these bytes, so only the elements themselves show that it is a lie.
  largest_allocation = 0;
  const auto body = bytes({0xdc, 0x13, 0x88}) + std::string(5000, '\xc3');
  EXPECT_EQ(error_of(body, read<std::vector<std::array<std::string, 8>>>),
            "expected list, got bool");
  EXPECT_LT(largest_allocation, 4097 * sizeof(std::array<std::string, 8>));
}

TEST(Reader, RefusesATupleThatIsLongerThanTheBytes) {
  EXPECT_EQ(error_of(bytes({0xc9, 0, 0, 0, 3, 2, 0x91, 7}), read<std::tuple<int>>),
            "a tuple is cut short");
  EXPECT_EQ(error_of(bytes({0xc9, 0, 0, 0, 2, 2, 0x91, 7}), read<std::tuple<int>>), "no error");
  EXPECT_EQ(error_of(bytes({0xc9, 0, 0, 0, 1, 2, 0x07}), read<std::tuple<int>>),
            "expected tuple, got int");
}

TEST(Reader, RefusesTooDeepNestingWhenItSkips) {
  const auto skip = [](Reader& r) { r.skip(); };
  for (const auto& opening :
       {bytes({0x91}), bytes({0x81, 0x01}), bytes({0xc9, 0, 1, 0, 0, 2, 0x91})}) {
    const auto nested = [&](int depth) {
      std::string body;
      for (int i = 0; i < depth; ++i) body += opening;
      // What a tuple's size claims must be there.
      return body + "\xc0" + std::string(65536, '\xc0');
    };
    EXPECT_EQ(error_of(nested(kMaxDepth), skip), "no error");
    EXPECT_EQ(error_of(nested(kMaxDepth + 1), skip), "a value is nested too deeply");
    EXPECT_EQ(error_of(nested(500'000), skip), "a value is nested too deeply");
  }
}

std::string tensor_bytes(std::string content) {
  const auto size = static_cast<uint32_t>(content.size());
  return bytes({0xc9, static_cast<int>(size >> 24), static_cast<int>(size >> 16),
                static_cast<int>(size >> 8), static_cast<int>(size), kTensorExtension}) +
         content;
}

std::string dimension(int64_t size) { return std::string(reinterpret_cast<char*>(&size), 8); }

TEST(Reader, RefusesEveryTensorThatCannotBe) {
  largest_allocation = 0;
  const auto read_it = [](Reader& r) { r.tensor(); };
  const auto refusal = [&](const std::string& content, std::vector<Buffer> buffers = {}) {
    return error_of(tensor_bytes(content), read_it, std::move(buffers));
  };
  const std::string index(4, '\0');
  EXPECT_EQ(refusal(bytes({6, 1, 1}) + dimension(2) + "ab"), "no error");
  EXPECT_EQ(refusal(""), "an array is cut short");
  EXPECT_EQ(refusal(bytes({6, 0})), "an array is cut short");
  EXPECT_EQ(refusal(bytes({6, 2, 1}) + dimension(2)), "an array is cut short");
  EXPECT_EQ(refusal(bytes({0, 1, 1}) + dimension(2) + "ab"), "an array has an unknown dtype");
  EXPECT_EQ(refusal(bytes({16, 1, 1}) + dimension(2) + "ab"), "an array has an unknown dtype");
  EXPECT_EQ(refusal(bytes({6, 1, 1}) + dimension(-2) + "ab"), "an array has an impossible shape");
  EXPECT_EQ(refusal(bytes({6, 1, 1}) + dimension(INT64_MAX) + "ab"),
            "an array has an impossible shape");
  EXPECT_EQ(refusal(bytes({6, 2, 1}) + dimension(1LL << 32) + dimension(1LL << 32)),
            "an array has an impossible shape");
  std::string ones;
  for (int i = 0; i < 65; ++i) ones += dimension(1);
  EXPECT_EQ(refusal(bytes({6, 65, 1}) + ones + "a"), "an array has an impossible shape");
  const std::string unfit = "an array's data does not fit its shape";
  EXPECT_EQ(refusal(bytes({6, 1, 1}) + dimension(1LL << 40) + "ab"), unfit);
  EXPECT_EQ(refusal(bytes({6, 1, 1}) + dimension(3) + "ab"), unfit);
  EXPECT_EQ(refusal(bytes({7, 1, 1}) + dimension(2) + "ab"), unfit);
  EXPECT_EQ(refusal(bytes({6, 1, 1}) + dimension(0) + "a"), unfit);
  EXPECT_EQ(refusal(bytes({6, 1, 0}) + dimension(8) + index), "an array's buffer is missing");
  EXPECT_EQ(refusal(bytes({6, 1, 0}) + dimension(8) + "abc"), "an array is cut short");
  EXPECT_EQ(refusal(bytes({6, 1, 0}) + dimension(8) + index, {Buffer::allocate(8)}), "no error");
  EXPECT_EQ(refusal(bytes({6, 1, 0}) + dimension(8) + index, {Buffer::allocate(9)}), unfit);
  EXPECT_EQ(
      refusal(bytes({6, 1, 0}) + dimension(8) + "\x01" + index.substr(1), {Buffer::allocate(8)}),
      "an array's buffer is missing");
  EXPECT_LT(largest_allocation, size_t{8192});
}

TEST(Reader, TakesAClientAsItWasWrittenAndNothingElse) {
  Payload payload;
  Writer writer(payload);
  const ClientRef client{"unix:/run/a", "producer/0", true};
  writer.client(client);
  writer.integer(1);
  Reader reader(payload);
  EXPECT_EQ(reader.peek(), Kind::kClient);
  EXPECT_EQ(reader.client(), client);
  Reader skipping(payload);
  skipping.skip();
  EXPECT_EQ(skipping.integer(), 1);

  const auto read_it = [](Reader& r) { r.client(); };
  EXPECT_EQ(error_of(bytes({0x05}), read_it), "expected client, got int");
  EXPECT_EQ(error_of(bytes({0xc9, 0, 0, 0, 2, 3, 0x91, 7}), read_it), "a client is malformed");
  const auto of_size = [](int size) {
    return bytes({0xc9, 0, 0, 0, size, 3, 0x93, 0xa0, 0xa0, 0xc2});
  };
  EXPECT_EQ(error_of(of_size(4), read_it), "no error");
  EXPECT_EQ(error_of(of_size(3), read_it), "a client is malformed");
  EXPECT_EQ(error_of(of_size(9), read_it), "a client is malformed");
}

TEST(Reader, KeepsItsFirstFailureAndGivesZeroValuesAfterIt) {
  Payload payload;
  Writer writer(payload);
  writer.string("a");
  writer.integer(5);
  Reader reader(payload);
  EXPECT_EQ(reader.integer(), 0);
  EXPECT_EQ(reader.string(), "");
  EXPECT_EQ(reader.unsigned_integer(), 0u);
  EXPECT_EQ(reader.real(), 0.0);
  EXPECT_FALSE(reader.boolean());
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_EQ(reader.list() + reader.tuple() + reader.map(), 0u);
  EXPECT_EQ(reader.tensor().size(), 0);
  reader.skip();
  reader.fail("later");
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error()->message, "expected int, got str");
  EXPECT_EQ(reader.peek(), Kind::kNothing);
}

TEST(Reader, RewindsToAMarkAsIfNothingHadFailed) {
  Payload payload;
  Writer writer(payload);
  writer.string("a");
  Reader reader(payload);
  const auto start = reader.mark();
  reader.integer();
  ASSERT_FALSE(reader.ok());
  reader.rewind(start);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.string(), "a");
  EXPECT_TRUE(reader.at_end());
}

TEST(Reader, ThatIsExactTakesAValueOnlyAsWhatItWasWrittenAs) {
  Payload payload;
  Writer writer(payload);
  writer.integer(5);
  const size_t mark = writer.begin_tuple(0);
  writer.end_tuple(mark);
  const auto exact = [&](int skipped, const std::function<void(Reader&)>& read_it) {
    Reader reader(payload);
    for (int i = 0; i < skipped; ++i) reader.skip();
    reader.set_exact(true);
    read_it(reader);
    return reader.ok() ? "no error" : reader.error()->message;
  };
  EXPECT_EQ(exact(0, [](Reader& r) { r.real(); }), "expected float, got int");
  EXPECT_EQ(exact(0, [](Reader& r) { r.integer(); }), "no error");
  EXPECT_EQ(exact(0, [](Reader& r) { r.skip(); }), "no error");
  EXPECT_EQ(exact(1, [](Reader& r) { r.list(); }), "expected list, got tuple");
  EXPECT_EQ(exact(1, [](Reader& r) { r.tuple(); }), "no error");
  EXPECT_EQ(exact(1, [](Reader& r) { r.skip(); }), "no error");
}

}  // namespace
}  // namespace lp::wire
