// The bytes of typed values, as msgpack's specification has them, and what any other writer of
// msgpack may send instead.
#include "launchpad/wire/writer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <numeric>

#include "launchpad/wire/reader.h"

namespace lp::wire {
namespace {

using Write = std::function<void(Writer&)>;

Payload written(const Write& write) {
  Payload payload;
  Writer writer(payload);
  write(writer);
  return payload;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    char two[4];
    std::snprintf(two, sizeof(two), "%02x ", static_cast<unsigned char>(c));
    text += two;
  }
  if (!text.empty()) text.pop_back();
  return text;
}

Payload payload_of(std::string body) {
  Payload payload;
  payload.body = std::move(body);
  return payload;
}

// "d2 ff" -> the two bytes.
Payload from_hex(const std::string& text) {
  std::string body;
  for (size_t at = 0; at < text.size(); at += 3) {
    body.push_back(static_cast<char>(std::stoi(text.substr(at, 2), nullptr, 16)));
  }
  return payload_of(body);
}

struct Row {
  Write write;
  std::string bytes;
};

void expect_bytes(const std::vector<Row>& rows) {
  for (const Row& row : rows) EXPECT_EQ(hex(written(row.write).body), row.bytes);
}

Row unsigned_row(uint64_t value, std::string bytes) {
  return {[value](Writer& w) { w.unsigned_integer(value); }, std::move(bytes)};
}

Row signed_row(int64_t value, std::string bytes) {
  return {[value](Writer& w) { w.integer(value); }, std::move(bytes)};
}

TEST(Writer, WritesNilBoolAndFloatAsMsgpack) {
  const double inf = std::numeric_limits<double>::infinity();
  expect_bytes({{[](Writer& w) { w.nil(); }, "c0"},
                {[](Writer& w) { w.boolean(false); }, "c2"},
                {[](Writer& w) { w.boolean(true); }, "c3"},
                {[](Writer& w) { w.real(0); }, "cb 00 00 00 00 00 00 00 00"},
                {[](Writer& w) { w.real(-0.0); }, "cb 80 00 00 00 00 00 00 00"},
                {[](Writer& w) { w.real(1.5); }, "cb 3f f8 00 00 00 00 00 00"},
                {[](Writer& w) { w.real(-2); }, "cb c0 00 00 00 00 00 00 00"},
                {[=](Writer& w) { w.real(inf); }, "cb 7f f0 00 00 00 00 00 00"}});
}

TEST(Writer, WritesEachIntInTheShortestOfMsgpacksForms) {
  expect_bytes({unsigned_row(0, "00"),
                unsigned_row(127, "7f"),
                unsigned_row(128, "cc 80"),
                unsigned_row(255, "cc ff"),
                unsigned_row(256, "cd 01 00"),
                unsigned_row(65535, "cd ff ff"),
                unsigned_row(65536, "ce 00 01 00 00"),
                unsigned_row(4294967295u, "ce ff ff ff ff"),
                unsigned_row(4294967296u, "cf 00 00 00 01 00 00 00 00"),
                unsigned_row(UINT64_MAX, "cf ff ff ff ff ff ff ff ff"),
                signed_row(127, "7f"),
                signed_row(INT64_MAX, "cf 7f ff ff ff ff ff ff ff"),
                signed_row(-1, "ff"),
                signed_row(-32, "e0"),
                signed_row(-33, "d0 df"),
                signed_row(-128, "d0 80"),
                signed_row(-129, "d1 ff 7f"),
                signed_row(-32768, "d1 80 00"),
                signed_row(-32769, "d2 ff ff 7f ff"),
                signed_row(INT32_MIN, "d2 80 00 00 00"),
                signed_row(int64_t{INT32_MIN} - 1, "d3 ff ff ff ff 7f ff ff ff"),
                signed_row(INT64_MIN, "d3 80 00 00 00 00 00 00 00")});
}

// The header that a text, bytes, list or map of `size` begins with.
std::string header_of(const Write& write, size_t size) {
  return hex(std::string_view(written(write).body).substr(0, size));
}

TEST(Writer, WritesTextAndBytesWithMsgpacksHeaders) {
  const auto text = [](size_t size, size_t header) {
    return header_of([=](Writer& w) { w.string(std::string(size, 'x')); }, header);
  };
  EXPECT_EQ(text(0, 1), "a0");
  EXPECT_EQ(text(31, 1), "bf");
  EXPECT_EQ(text(32, 2), "d9 20");
  EXPECT_EQ(text(255, 2), "d9 ff");
  EXPECT_EQ(text(256, 3), "da 01 00");
  EXPECT_EQ(text(65535, 3), "da ff ff");
  EXPECT_EQ(text(65536, 5), "db 00 01 00 00");
  const auto bytes = [](size_t size, size_t header) {
    return header_of([=](Writer& w) { w.bytes(std::string(size, 'x')); }, header);
  };
  EXPECT_EQ(bytes(0, 2), "c4 00");
  EXPECT_EQ(bytes(255, 2), "c4 ff");
  EXPECT_EQ(bytes(256, 3), "c5 01 00");
  EXPECT_EQ(bytes(65535, 3), "c5 ff ff");
  EXPECT_EQ(bytes(65536, 5), "c6 00 01 00 00");
  EXPECT_EQ(hex(written([](Writer& w) { w.string("h\xc3\xa9"); }).body), "a3 68 c3 a9");
}

TEST(Writer, WritesListsAndMapsWithMsgpacksHeaders) {
  const auto list = [](size_t count) {
    return hex(written([=](Writer& w) { w.begin_list(count); }).body);
  };
  EXPECT_EQ(list(0), "90");
  EXPECT_EQ(list(15), "9f");
  EXPECT_EQ(list(16), "dc 00 10");
  EXPECT_EQ(list(65535), "dc ff ff");
  EXPECT_EQ(list(65536), "dd 00 01 00 00");
  const auto map = [](size_t count) {
    return hex(written([=](Writer& w) { w.begin_map(count); }).body);
  };
  EXPECT_EQ(map(0), "80");
  EXPECT_EQ(map(15), "8f");
  EXPECT_EQ(map(16), "de 00 10");
  EXPECT_EQ(map(65535), "de ff ff");
  EXPECT_EQ(map(65536), "df 00 01 00 00");
}

TEST(Writer, WritesATupleAsAnExtensionThatHoldsAList) {
  const Payload payload = written([](Writer& w) {
    const size_t mark = w.begin_tuple(2);
    w.integer(1);
    w.string("a");
    w.end_tuple(mark);
  });
  EXPECT_EQ(hex(payload.body), "c9 00 00 00 04 02 92 01 a1 61");
}

TEST(Writer, FillsInTheSizesOfNestedTuples) {
  const Payload payload = written([](Writer& w) {
    const size_t outer = w.begin_tuple(1);
    const size_t inner = w.begin_tuple(0);
    w.end_tuple(inner);
    w.end_tuple(outer);
  });
  EXPECT_EQ(hex(payload.body), "c9 00 00 00 08 02 91 c9 00 00 00 01 02 90");
}

TEST(Writer, WritesAClientAsAnExtensionThatHoldsAList) {
  const Payload payload = written([](Writer& w) { w.client({"inproc:a", "b", true}); });
  EXPECT_EQ(hex(payload.body), "c9 00 00 00 0d 03 93 a8 69 6e 70 72 6f 63 3a 61 a1 62 c3");
}

TEST(Writer, PutsASmallTensorIntoTheBody) {
  const Payload payload = written([](Writer& w) { w.tensor(Tensor::of<uint8_t>({2}, {7, 8})); });
  // Size 13, type 1, dtype uint8, one dimension, inline; then the shape and the data, little
  // endian.
  EXPECT_EQ(hex(payload.body), "c9 00 00 00 0d 01 06 01 01 02 00 00 00 00 00 00 00 07 08");
  EXPECT_TRUE(payload.buffers.empty());
}

TEST(Writer, PutsALargeTensorBesideTheBodyWithoutACopy) {
  const Tensor tensor(DType::kUint8, {static_cast<int64_t>(kInlineTensorBytes)});
  const Payload payload = written([&](Writer& w) {
    w.tensor(tensor);
    w.tensor(tensor);
  });
  EXPECT_EQ(hex(payload.body),
            "c9 00 00 00 0f 01 06 01 00 00 10 00 00 00 00 00 00 00 00 00 00 "
            "c9 00 00 00 0f 01 06 01 00 00 10 00 00 00 00 00 00 01 00 00 00");
  ASSERT_EQ(payload.buffers.size(), 2u);
  EXPECT_EQ(payload.buffers[1].data(), tensor.buffer().data());
  EXPECT_EQ(payload.bytes(), payload.body.size() + 2 * kInlineTensorBytes);
}

TEST(Writer, PutsTheBorderBetweenInlineAndBesideAtItsConstant) {
  const auto buffers = [](size_t size) {
    return written([=](Writer& w) { w.tensor(Tensor(DType::kInt8, {static_cast<int64_t>(size)})); })
        .buffers.size();
  };
  EXPECT_EQ(buffers(kInlineTensorBytes - 1), 0u);
  EXPECT_EQ(buffers(kInlineTensorBytes), 1u);
}

TEST(Reader, TakesEveryFormOfAnIntThatMsgpackAllows) {
  for (const char* five :
       {"05", "cc 05", "cd 00 05", "ce 00 00 00 05", "cf 00 00 00 00 00 00 00 05", "d0 05",
        "d1 00 05", "d2 00 00 00 05", "d3 00 00 00 00 00 00 00 05"}) {
    const Payload payload = from_hex(five);
    EXPECT_EQ(Reader(payload).integer(), 5) << five;
    EXPECT_EQ(Reader(payload).unsigned_integer(), 5u) << five;
    EXPECT_EQ(Reader(payload).real(), 5.0) << five;
  }
  for (const char* minus_two :
       {"fe", "d0 fe", "d1 ff fe", "d2 ff ff ff fe", "d3 ff ff ff ff ff ff ff fe"}) {
    const Payload payload = from_hex(minus_two);
    EXPECT_EQ(Reader(payload).integer(), -2) << minus_two;
    EXPECT_EQ(Reader(payload).real(), -2.0) << minus_two;
    Reader reader(payload);
    reader.unsigned_integer();
    ASSERT_FALSE(reader.ok());
    EXPECT_EQ(reader.error()->message, "the int -2 is negative") << minus_two;
  }
}

TEST(Reader, TakesEveryFormOfTextBytesListAndMapThatMsgpackAllows) {
  for (const char* text : {"a1 61", "d9 01 61", "da 00 01 61", "db 00 00 00 01 61"}) {
    const Payload payload = from_hex(text);
    EXPECT_EQ(Reader(payload).string(), "a") << text;
  }
  for (const char* bytes : {"c4 01 61", "c5 00 01 61", "c6 00 00 00 01 61"}) {
    const Payload payload = from_hex(bytes);
    EXPECT_EQ(Reader(payload).bytes(), "a") << bytes;
  }
  for (const char* list :
       {"91 07", "dc 00 01 07", "dd 00 00 00 01 07", "c9 00 00 00 02 02 91 07"}) {
    const Payload payload = from_hex(list);
    Reader reader(payload);
    EXPECT_EQ(reader.list(), 1u) << list;
    EXPECT_EQ(reader.integer(), 7) << list;
    EXPECT_TRUE(reader.ok() && reader.at_end()) << list;
  }
  for (const char* map : {"81 07 08", "de 00 01 07 08", "df 00 00 00 01 07 08"}) {
    const Payload payload = from_hex(map);
    EXPECT_EQ(Reader(payload).map(), 1u) << map;
  }
}

TEST(Reader, TakesAFloatOf32Bits) {
  const Payload payload = from_hex("ca 3f c0 00 00");
  EXPECT_EQ(Reader(payload).real(), 1.5);
}

TEST(Reader, KnowsEachKindByItsFirstByte) {
  const auto kind = [](int first) {
    // As many bytes as any header has; an extension has the type 2 then.
    const Payload payload =
        payload_of(std::string(1, static_cast<char>(first)) + std::string(8, '\2'));
    return kind_name(Reader(payload).peek());
  };
  for (int first = 0; first < 256; ++first) {
    std::string_view expected =
        "nothing";  // 0xc1, and extensions but for 0xc9, which nobody writes.
    if (first <= 0x7f || first >= 0xe0 || (first >= 0xcc && first <= 0xd3))
      expected = "int";
    else if (first <= 0x8f || first == 0xde || first == 0xdf)
      expected = "dict";
    else if (first <= 0x9f || first == 0xdc || first == 0xdd)
      expected = "list";
    else if (first <= 0xbf || (first >= 0xd9 && first <= 0xdb))
      expected = "str";
    else if (first == 0xc0)
      expected = "None";
    else if (first == 0xc2 || first == 0xc3)
      expected = "bool";
    else if (first >= 0xc4 && first <= 0xc6)
      expected = "bytes";
    else if (first == 0xca || first == 0xcb)
      expected = "float";
    else if (first == 0xc9)
      expected = "tuple";
    EXPECT_EQ(kind(first), expected) << first;
  }
}

}  // namespace
}  // namespace lp::wire
