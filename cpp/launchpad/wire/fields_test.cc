#include "launchpad/wire/fields.h"

#include <gtest/gtest.h>

namespace lp::wire {
namespace {

struct Point {
  int x = 0;
  double y = 0;
  bool operator==(const Point&) const = default;
  LP_FIELDS(x, y);
};

struct Path {
  std::string name;
  std::vector<Point> points;
  std::map<std::string, Point> marks;
  std::optional<Point> end;
  std::variant<int, Point> start;
  bool operator==(const Path&) const = default;
  // Spaces and line breaks between the names do not count.
  LP_FIELDS(name, points, marks, end, start);
};

struct Nothing {
  bool operator==(const Nothing&) const = default;
  LP_FIELDS();
};

// A type that contains itself: how deep it goes is the sender's choice.
struct Tree {
  int value = 0;
  std::vector<Tree> children;
  LP_FIELDS(value, children);
};

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

template <class T, class Sent>
std::string refusal(const Sent& value) {
  const auto result = decoded<T>(encoded(value));
  if (result.ok()) return "it was read";
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  return result.error().message;
}

TEST(Fields, AStructRoundTripsWithStructsInside) {
  const Path path{"p", {{1, 0.5}, {-2, 3}}, {{"a", {4, 5}}}, Point{6, 7}, Point{8, 9}};
  EXPECT_EQ(decoded<Path>(encoded(path)).value(), path);
  EXPECT_EQ(decoded<Path>(encoded(Path())).value(), Path());
  EXPECT_EQ(decoded<Nothing>(encoded(Nothing())).value(), Nothing());
}

TEST(Fields, AStructTravelsAsADictOfItsFieldsByName) {
  const std::map<std::string, int> dict{{"y", 2},
                                        {"x", 1}};  // In another order, and an int for a float.
  EXPECT_EQ(decoded<Point>(encoded(dict)).value(), (Point{1, 2.0}));
  EXPECT_EQ((decoded<std::map<std::string, double>>(encoded(Path())).error().message),
            "expected float, got str");
}

TEST(Fields, NamesAreSplitAtCommasWithoutSpaces) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(Codec<Path>::names(), (Names{"name", "points", "marks", "end", "start"}));
  EXPECT_EQ(Codec<Nothing>::names(), Names{});
  EXPECT_EQ(split_field_names("a"), Names{"a"});
}

TEST(Fields, AFieldThatIsMissingOrUnknownOrComesTwiceIsNamedInTheError) {
  using Dict = std::map<std::string, int>;
  const std::string wanted = "expected a dict with exactly the fields x, y: ";
  EXPECT_EQ(refusal<Point>(Dict{{"x", 1}}), wanted + "'y' is missing");
  EXPECT_EQ(refusal<Point>(Dict{}), wanted + "'x' is missing");
  EXPECT_EQ(refusal<Point>(Dict{{"x", 1}, {"y", 2}, {"z", 3}}), wanted + "'z' is none of them");
  EXPECT_EQ(refusal<Point>(Dict{{"x", 1}, {"z", 3}}), wanted + "'z' is none of them");
  EXPECT_EQ(refusal<Nothing>(Dict{{"x", 1}}),
            "expected a dict with exactly the fields : 'x' is none of them");
  // Only a foreign writer can send a field twice.
  Payload twice;
  Writer writer(twice);
  writer.begin_map(2);
  for (int value : {1, 2}) {
    writer.string("x");
    writer.integer(value);
  }
  EXPECT_EQ(decoded<Point>(twice).error().message, wanted + "'x' comes twice");
}

TEST(Fields, AnotherKindThanADictIsNamedInTheError) {
  EXPECT_EQ(refusal<Point>(5), "expected dict, got int");
  EXPECT_EQ((refusal<Point>(std::map<int, int>{{1, 1}, {2, 2}})), "expected str, got int");
  EXPECT_EQ((refusal<Point>(std::map<std::string, std::string>{{"x", "a"}, {"y", "b"}})),
            "expected int, got str");
}

TEST(Fields, ATypeThatContainsItselfRoundTrips) {
  Tree tree{1, {{2, {}}, {3, {{4, {}}}}}};
  const Tree back = decoded<Tree>(encoded(tree)).value();
  EXPECT_EQ(back.children.at(1).children.at(0).value, 4);
}

TEST(Fields, ATypeThatContainsItselfCannotExhaustTheReadersStack) {
  // 100,000 trees inside each other, as only a hostile peer writes them.
  Payload payload;
  Writer writer(payload);
  for (int i = 0; i < 100'000; ++i) {
    writer.begin_map(2);
    writer.string("value");
    writer.integer(i);
    writer.string("children");
    writer.begin_list(1);
  }
  const auto result = decoded<Tree>(payload);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "a value is nested too deeply");
}

TEST(Fields, NestingUpToTheLimitIsRead) {
  Tree tree;
  for (int depth = 1; depth < kMaxDepth; ++depth) tree = Tree{depth, {tree}};
  EXPECT_TRUE(decoded<Tree>(encoded(tree)).ok());
  EXPECT_FALSE(decoded<Tree>(encoded(Tree{0, {tree}})).ok());
  // Depth counts nesting, not how many structs a value has.
  EXPECT_TRUE(decoded<std::vector<Tree>>(encoded(std::vector<Tree>(1000))).ok());
}

}  // namespace
}  // namespace lp::wire
