#include "launchpad/wire/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace lp::wire {
namespace {

template <class T>
Payload encoded(const T& value) {
  Payload payload;
  Writer writer(payload);
  write(writer, value);
  return payload;
}

template <class T>
Result<T> decoded(const Payload& payload) {
  Reader reader(payload);
  T value = read<T>(reader);
  if (!reader.ok()) return *reader.error();
  if (!reader.at_end()) return Error(Code::kInternal, "bytes are left over");
  return value;
}

// What becomes of a value on its way through a payload.
template <class T>
T sent(const T& value) {
  auto result = decoded<T>(encoded(value));
  if (result.ok()) return std::move(result).value();
  ADD_FAILURE() << Codec<T>::name() << ": " << result.error().message;
  return T();
}

template <class T>
void expect_round_trip(const T& value) {
  EXPECT_TRUE(sent(value) == value) << "a " << Codec<T>::name() << " came back as another";
}

// Why `sent` cannot be read as a T.
template <class T, class Sent>
std::string refusal(const Sent& value) {
  const auto result = decoded<T>(encoded(value));
  if (result.ok()) return "it was read";
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  return result.error().message;
}

template <class T>
void expect_integers_round_trip() {
  using Limits = std::numeric_limits<T>;
  SCOPED_TRACE(testing::Message() << (Limits::is_signed ? "int" : "uint") << 8 * sizeof(T));
  for (int bits = 0; bits <= Limits::digits; ++bits) {
    // 2^bits - 1 without overflow, then its neighbours.
    const T top = bits == 0 ? T{0} : static_cast<T>(Limits::max() >> (Limits::digits - bits));
    expect_round_trip<T>(top);
    if (top > 0) expect_round_trip<T>(static_cast<T>(top - 1));
    if (top < Limits::max()) expect_round_trip<T>(static_cast<T>(top + 1));
    if constexpr (Limits::is_signed) {
      expect_round_trip<T>(static_cast<T>(-top));
      expect_round_trip<T>(static_cast<T>(-top - 1));
      if (-top > Limits::min() + 1) expect_round_trip<T>(static_cast<T>(-top - 2));
    }
  }
  expect_round_trip<T>(Limits::min());
  expect_round_trip<T>(Limits::max());
}

TEST(Codec, IntsRoundTripAtTheBordersOfEveryWidth) {
  expect_integers_round_trip<int8_t>();
  expect_integers_round_trip<uint8_t>();
  expect_integers_round_trip<int16_t>();
  expect_integers_round_trip<uint16_t>();
  expect_integers_round_trip<int32_t>();
  expect_integers_round_trip<uint32_t>();
  expect_integers_round_trip<int64_t>();
  expect_integers_round_trip<uint64_t>();
  expect_integers_round_trip<long long>();
  expect_integers_round_trip<char>();
}

template <class T>
void expect_floats_round_trip() {
  using Limits = std::numeric_limits<T>;
  for (const T value :
       {T(0), T(-0.0), T(1.5), T(-1) / 3, Limits::max(), Limits::lowest(), Limits::min(),
        Limits::denorm_min(), Limits::infinity(), -Limits::infinity()}) {
    const T back = sent(value);
    EXPECT_EQ(std::memcmp(&back, &value, sizeof(T)), 0) << value << " came back as " << back;
  }
  EXPECT_TRUE(std::isnan(sent(Limits::quiet_NaN())));
}

TEST(Codec, FloatsRoundTripBitByBit) {
  expect_floats_round_trip<float>();
  expect_floats_round_trip<double>();
}

enum class Color : uint8_t { kRed = 0, kBlue = 255 };
enum class Signed : int64_t { kLow = INT64_MIN, kHigh = INT64_MAX };

TEST(Codec, BoolsAndEnumsRoundTrip) {
  expect_round_trip(true);
  expect_round_trip(false);
  expect_round_trip(Color::kBlue);
  expect_round_trip(Signed::kLow);
  expect_round_trip(Signed::kHigh);
  expect_round_trip(std::monostate());
}

TEST(Codec, TextAndBytesRoundTripAtEveryBorderOfTheirHeaders) {
  for (const size_t size : {0, 1, 31, 32, 255, 256, 65535, 65536, 200'000}) {
    expect_round_trip(std::string(size, 'x'));
    expect_round_trip(Bytes{std::string(size, '\xff')});
  }
  expect_round_trip(std::string("gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x9a\x80"));
  expect_round_trip(std::string("with a \0 inside", 15));
}

TEST(Codec, SequencesRoundTrip) {
  expect_round_trip(std::vector<int>{});
  expect_round_trip(std::vector<bool>{true, false, true});
  expect_round_trip(std::vector<std::string>{"a", "", "ccc"});
  expect_round_trip(std::vector<std::vector<double>>{{1, 2}, {}, {3}});
  expect_round_trip(std::array<int, 3>{1, -2, 3});
  expect_round_trip(std::array<std::string, 0>{});
  for (const size_t size : {15, 16, 65535, 65536}) {
    std::vector<int64_t> values(size);
    for (size_t i = 0; i < size; ++i) values[i] = static_cast<int64_t>(i * i) - 1000;
    expect_round_trip(values);
  }
}

TEST(Codec, MapsRoundTrip) {
  expect_round_trip(std::map<std::string, int>{});
  expect_round_trip(std::map<std::string, int>{{"a", 1}, {"", 2}});
  expect_round_trip(std::map<int, std::vector<std::string>>{{-1, {"x"}}, {1, {}}});
  expect_round_trip(std::map<std::pair<int, int>, double>{{{1, 2}, 0.5}});
  std::unordered_map<int, std::string> many;
  for (int i = 0; i < 70'000; ++i) many[i * 7] = std::to_string(i);
  expect_round_trip(many);
}

TEST(Codec, TuplesAndPairsRoundTrip) {
  expect_round_trip(std::tuple<>());
  expect_round_trip(std::tuple<int>(1));
  expect_round_trip(std::tuple<int, std::string, std::tuple<bool, double>>(1, "two", {true, 0.5}));
  expect_round_trip(std::pair<std::string, std::vector<int>>("a", {1, 2}));
  expect_round_trip(std::vector<std::tuple<int, std::string>>(100, {7, std::string(300, 'y')}));
}

TEST(Codec, OptionalsRoundTrip) {
  expect_round_trip(std::optional<int>());
  expect_round_trip(std::optional<int>(0));
  expect_round_trip(std::optional<std::string>(""));
  expect_round_trip(std::vector<std::optional<bool>>{true, std::nullopt, false});
}

TEST(Codec, VariantsComeBackAsTheAlternativeThatTheyWere) {
  using Scalar = std::variant<std::monostate, bool, double, int64_t, std::string, Bytes>;
  for (const Scalar& value :
       {Scalar(), Scalar(true), Scalar(2.0), Scalar(int64_t{2}), Scalar("2"), Scalar(Bytes{"2"})}) {
    expect_round_trip(value);
  }
  expect_round_trip(std::variant<int, double>(3.0));
  expect_round_trip(std::variant<double, int>(3));
  expect_round_trip(std::variant<int8_t, int64_t>(int64_t{300}));
  expect_round_trip(std::variant<double, Color>(Color::kBlue));
}

TEST(Codec, VariantsOfContainersComeBackAsTheAlternativeThatTheyWere) {
  using Numbers = std::variant<std::vector<double>, std::vector<int>>;
  expect_round_trip(Numbers(std::vector<int>{1, 2}));
  expect_round_trip(Numbers(std::vector<double>{1, 2}));
  using Inner = std::variant<int, std::string>;
  using Outer = std::variant<double, Inner, std::vector<Inner>, std::map<std::string, Inner>>;
  expect_round_trip(Outer(Inner(1)));
  expect_round_trip(Outer(Inner("a")));
  expect_round_trip(Outer(1.0));
  expect_round_trip(Outer(std::vector<Inner>{1, "b"}));
  expect_round_trip(Outer(std::map<std::string, Inner>{{"k", 5}, {"l", "x"}}));
  expect_round_trip(std::variant<double, std::optional<int>>(std::optional<int>(4)));
  using ListOrPair = std::variant<std::vector<int>, std::pair<int, int>>;
  expect_round_trip(ListOrPair(std::pair<int, int>(1, 2)));
  expect_round_trip(ListOrPair(std::vector<int>{1, 2}));
  using PairOrList = std::variant<std::pair<int, int>, std::vector<int>>;
  expect_round_trip(PairOrList(std::vector<int>{1, 2}));
  expect_round_trip(PairOrList(std::pair<int, int>(1, 2)));
}

TEST(Codec, AVariantTakesWhatOnlyAConversionFits) {
  EXPECT_EQ((decoded<std::variant<double, std::string>>(encoded(3)).value()),
            (std::variant<double, std::string>(3.0)));
  using PairOrText = std::variant<std::pair<int, int>, std::string>;
  EXPECT_EQ(decoded<PairOrText>(encoded(std::vector<int>{1, 2})).value(),
            (PairOrText(std::pair(1, 2))));
}

TEST(Codec, ABrokenAlternativeLeavesNothingBehind) {
  // The first alternative reads two elements before it fails at the third.
  using Mixed = std::variant<std::vector<int>, std::vector<std::variant<int, std::string>>>;
  const std::vector<std::variant<int, std::string>> value{1, 2, "three"};
  const auto result = decoded<std::pair<Mixed, int>>(encoded(std::pair<Mixed, int>(value, 7)));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(std::get<1>(result.value().first), value);
  EXPECT_EQ(result.value().second, 7);
}

void expect_same(const Tensor& back, const Tensor& tensor) {
  EXPECT_EQ(back.dtype(), tensor.dtype());
  EXPECT_EQ(back.shape(), tensor.shape());
  ASSERT_TRUE(back.contiguous());
  ASSERT_EQ(back.nbytes(), tensor.nbytes());
  const Tensor straight = tensor.clone();
  EXPECT_EQ(std::memcmp(back.buffer().data(), straight.buffer().data(), back.nbytes()), 0);
}

Tensor numbered(DType dtype, Tensor::Shape shape) {
  Tensor tensor(dtype, shape);
  wire::Buffer buffer = tensor.buffer();
  // Bytes of bool must be 0 or 1.
  for (size_t i = 0; i < tensor.nbytes(); ++i) {
    buffer.mutable_data()[i] = static_cast<std::byte>(dtype == DType::kBool ? i % 2 : i * 37);
  }
  return tensor;
}

TEST(Codec, TensorsOfEveryDtypeAndShapeRoundTrip) {
  const Tensor::Shape shapes[] = {
      {}, {0}, {1}, {3, 0, 2}, {2, 3}, {100, 5, 13}, Tensor::Shape(64, 1)};
  for (int number = 1; number <= 14; ++number) {
    for (const Tensor::Shape& shape : shapes) {
      SCOPED_TRACE(testing::Message()
                   << "dtype " << number << ", " << shape.size() << " dimensions");
      const Tensor tensor = numbered(static_cast<DType>(number), shape);
      expect_same(sent(tensor), tensor);
    }
  }
}

TEST(Codec, StridedTensorsComeBackRowMajor) {
  for (const int64_t side : {3, 100}) {  // Inline, and beside the body.
    const Tensor square = numbered(DType::kInt32, {side, side});
    const Tensor transposed(DType::kInt32, {side, side}, {4, 4 * side}, square.buffer());
    expect_same(sent(transposed), transposed);
    const Tensor corner(DType::kInt32, {side - 1, side - 2}, {4 * side, 4}, square.buffer());
    expect_same(sent(corner), corner);
    const Tensor repeated(DType::kInt32, {side, side}, {0, 4}, square.buffer());
    expect_same(sent(repeated), repeated);
    // Contiguous, in a buffer that is larger.
    const Tensor front(DType::kInt32, {side - 1, side}, {4 * side, 4}, square.buffer());
    expect_same(sent(front), front);
  }
}

TEST(Codec, ALargeTensorIsReadWithoutACopyAndOutlivesItsPayload) {
  Tensor back;
  const Tensor tensor = numbered(DType::kFloat16, {5000});
  {
    const Payload payload = encoded(std::vector<Tensor>{Tensor::of<int>({1, 2}), tensor});
    ASSERT_EQ(payload.buffers.size(), 1u);
    back = decoded<std::vector<Tensor>>(payload).value().at(1);
    EXPECT_EQ(back.buffer().data(), payload.buffers[0].data());
  }
  expect_same(back, tensor);
}

TEST(Codec, AnArrayOfTheSameElementsReadsAsAListOfNumbers) {
  for (const size_t size : {0, 5, 5000}) {
    std::vector<float> values(size, 0.5f);
    EXPECT_EQ(decoded<std::vector<float>>(encoded(Tensor::of(values))).value(), values);
  }
  const std::string wanted = "expected list[float] or a one-dimensional array of float32, got ";
  EXPECT_EQ(refusal<std::vector<float>>(Tensor::of<double>({1})),
            wanted + "a 1-dimensional array of float64");
  EXPECT_EQ(refusal<std::vector<float>>(Tensor::of<float>({1, 1}, {1})),
            wanted + "a 2-dimensional array of float32");
  EXPECT_EQ(refusal<std::vector<std::string>>(Tensor::of<float>({1})), "expected list, got array");
}

TEST(Codec, AnArrayInMemoryThatIsNotAlignedReadsAsAListOfNumbers) {
  auto owner = std::make_shared<std::string>(8001, '\0');
  const double value = 2.5;
  std::memcpy(owner->data() + 1, &value, sizeof(value));
  const Tensor tensor(DType::kFloat64, {1000}, {8}, Buffer(owner, owner->data() + 1, 8000));
  const auto result = decoded<std::vector<double>>(encoded(tensor));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().front(), 2.5);
}

TEST(Codec, APythonListReadsAsATupleAndATupleAsAList) {
  EXPECT_EQ((decoded<std::pair<int, int>>(encoded(std::vector<int>{1, 2})).value()),
            std::pair(1, 2));
  EXPECT_EQ((decoded<std::vector<int>>(encoded(std::tuple(1, 2, 3))).value()),
            (std::vector<int>{1, 2, 3}));
  EXPECT_EQ((decoded<std::array<int, 2>>(encoded(std::pair(1, 2))).value()),
            (std::array<int, 2>{1, 2}));
}

TEST(Codec, AnIntReadsAsAFloat) {
  EXPECT_EQ(decoded<double>(encoded(-3)).value(), -3.0);
  EXPECT_EQ(decoded<float>(encoded(UINT64_MAX)).value(), 18446744073709551616.0f);
}

TEST(Codec, AnotherKindThanExpectedIsNamedInTheError) {
  const std::string text = "text";
  EXPECT_EQ(refusal<int>(text), "expected int, got str");
  EXPECT_EQ(refusal<int>(1.0), "expected int, got float");
  EXPECT_EQ(refusal<uint64_t>(true), "expected int, got bool");
  EXPECT_EQ(refusal<bool>(1), "expected bool, got int");
  EXPECT_EQ(refusal<double>(text), "expected float, got str");
  EXPECT_EQ(refusal<std::string>(Bytes{"x"}), "expected str, got bytes");
  EXPECT_EQ(refusal<Bytes>(text), "expected bytes, got str");
  EXPECT_EQ(refusal<Tensor>(std::vector<int>{1}), "expected array, got list");
  EXPECT_EQ(refusal<std::vector<int>>(text), "expected list, got str");
  EXPECT_EQ((refusal<std::tuple<int>>(text)), "expected tuple, got str");
  EXPECT_EQ((refusal<std::map<int, int>>(std::vector<int>{})), "expected dict, got list");
  EXPECT_EQ(refusal<std::optional<int>>(text), "expected int, got str");
  EXPECT_EQ(refusal<std::monostate>(text), "expected None, got str");
  EXPECT_EQ(refusal<int>(std::monostate()), "expected int, got None");
  EXPECT_EQ((refusal<std::variant<int, std::vector<std::string>>>(text)),
            "expected int | list[str], got str");
  EXPECT_EQ(decoded<int>(Payload()).error().message, "expected int, got nothing");
}

TEST(Codec, AnElementOfAnotherKindFailsTheWholeValue) {
  using Mixed = std::vector<std::variant<int, std::string>>;
  EXPECT_EQ(refusal<std::vector<int>>(Mixed{1, "x"}), "expected int, got str");
  EXPECT_EQ((refusal<std::map<std::string, int>>(std::map<std::string, double>{{"a", 1.5}})),
            "expected int, got float");
  EXPECT_EQ((refusal<std::tuple<int, int>>(std::tuple<int, std::string>(1, "a"))),
            "expected int, got str");
}

TEST(Codec, AnotherNumberOfElementsThanExpectedIsNamedInTheError) {
  EXPECT_EQ((refusal<std::pair<int, int>>(std::vector<int>{1, 2, 3})),
            "expected 2 elements, got 3");
  EXPECT_EQ((refusal<std::tuple<int>>(std::tuple<>())), "expected 1 elements, got 0");
  EXPECT_EQ((refusal<std::array<int, 2>>(std::vector<int>{1})), "expected 2 elements, got 1");
}

TEST(Codec, AnIntThatDoesNotFitIsNamedInTheError) {
  EXPECT_EQ(refusal<int8_t>(128), "the int 128 does not fit into 8 bits");
  EXPECT_EQ(refusal<int8_t>(-129), "the int -129 does not fit into 8 bits");
  EXPECT_EQ(refusal<uint8_t>(256), "the int 256 does not fit into 8 bits");
  EXPECT_EQ(refusal<uint8_t>(-1), "the int -1 is negative");
  EXPECT_EQ(refusal<int32_t>(int64_t{1} << 31), "the int 2147483648 does not fit into 32 bits");
  EXPECT_EQ(refusal<int64_t>(UINT64_MAX),
            "the int 18446744073709551615 does not fit into 64 bits with a sign");
  EXPECT_EQ(refusal<Color>(256), "the int 256 does not fit into 8 bits");
}

TEST(Codec, NamesTypesAsPythonDoes) {
  using Deep = std::map<std::string, std::vector<std::pair<int, std::optional<Bytes>>>>;
  EXPECT_EQ(Codec<Deep>::name(), "dict[str, list[tuple[int, bytes | None]]]");
  EXPECT_EQ((Codec<std::variant<bool, float, Tensor>>::name()), "bool | float | array");
}

}  // namespace
}  // namespace lp::wire
