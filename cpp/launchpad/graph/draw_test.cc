#include "launchpad/graph/draw.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "launchpad/graph/program.h"

namespace lp::graph {
namespace {

Task task(int number, std::string label, int index, std::string kind, std::vector<int> inputs,
          bool serves = true) {
  Task made;
  made.number = number;
  made.label = std::move(label);
  made.index = index;
  made.kind = std::move(kind);
  made.inputs = std::move(inputs);
  made.serves = serves;
  return made;
}

Plan learner_and_actors() {
  Plan plan;
  plan.program = "agent";
  plan.tasks.push_back(task(0, "replay", 0, "ReverbNode", {}));
  plan.tasks.push_back(task(1, "counter", 0, "CourierNode<Counter>", {}));
  plan.tasks.push_back(task(2, "learner", 0, "CourierNode<Learner>", {0, 1}));
  for (int i = 0; i < 3; ++i) {
    plan.tasks.push_back(task(3 + i, "actor", i, "PyClassNode<Actor>", {0, 1, 2}, false));
  }
  return plan;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Draw, TextListsLabelsWithCountsAndWhatTheyCall) {
  EXPECT_EQ(draw_text(picture_of(learner_and_actors())),
            "agent: 6 nodes, 4 labels\n"
            "  replay    ReverbNode\n"
            "  counter   CourierNode<Counter>\n"
            "  learner   CourierNode<Learner>\n"
            "    └─► replay\n"
            "    └─► counter\n"
            "  actor ×3  PyClassNode<Actor>\n"
            "    └─► replay  (3 handles)\n"
            "    └─► counter  (3 handles)\n"
            "    └─► learner  (3 handles)\n");
}

TEST(Draw, DotQuotesWhatNeedsIt) {
  Plan plan;
  plan.program = "a \"b\"";
  plan.tasks.push_back(task(0, "x\\y", 0, "K", {0}));
  EXPECT_EQ(draw_dot(picture_of(plan)),
            "digraph \"a \\\"b\\\"\" {\n  rankdir=LR;\n"
            "  node [shape=box, style=rounded, fontname=Helvetica];\n"
            "  \"x\\\\y\" [label=\"x\\\\y\\nK\"];\n"
            "  \"x\\\\y\" -> \"x\\\\y\";\n}\n");
}

TEST(Draw, SvgHasABoxForEachLabelAnArrowForEachPairAndEscapesKinds) {
  const std::string svg = draw_svg(picture_of(learner_and_actors()));
  EXPECT_EQ(count(svg, "class=\"label\""), 4u);
  EXPECT_EQ(count(svg, "class=\"arrow\""), 5u);
  EXPECT_EQ(count(svg, "<Counter>"), 0u);
  EXPECT_EQ(count(svg, "CourierNode&lt;Counter&gt;"), 1u);
  if (const char* path = std::getenv("LAUNCHPAD_DRAW_TEST_FILE")) std::ofstream(path) << svg;
}

TEST(Draw, CyclesAndEmptyProgramsAreDrawn) {
  Plan plan;
  plan.program = "cycle";
  plan.tasks.push_back(task(0, "a", 0, "A", {1, 0}));
  plan.tasks.push_back(task(1, "b", 0, "B", {2}));
  plan.tasks.push_back(task(2, "c", 0, "C", {0}));
  const std::string svg = draw_svg(picture_of(plan));
  EXPECT_EQ(count(svg, "class=\"arrow\""), 4u);
  // Each starts at its caller: the one that closes the cycle runs from right to left.
  EXPECT_EQ(count(svg, "marker-start"), 0u);
  EXPECT_EQ(count(svg, "marker-end"), 4u);
  int leftwards = 0;
  for (size_t at = svg.find("<path d=\"M"); at != std::string::npos;
       at = svg.find("<path d=\"M", at + 1)) {
    const std::string way = svg.substr(at + 10, svg.find('"', at + 10) - at - 10);
    const double from = std::stod(way);
    const double to = std::stod(way.substr(way.rfind(' ', way.rfind(' ') - 1)));
    leftwards += to < from - 100;
  }
  EXPECT_EQ(leftwards, 1);
  if (const char* path = std::getenv("LAUNCHPAD_DRAW_CYCLE_FILE")) std::ofstream(path) << svg;
  EXPECT_EQ(count(draw_svg(picture_of(Plan{})), "</svg>"), 1u);
}

TEST(Draw, AnUnknownFormatIsAnErrorThatNamesThoseThereAre) {
  EXPECT_NE(draw(Program("p"), "png").error().message.find("text, dot and svg"), std::string::npos);
}

}  // namespace
}  // namespace lp::graph
