// draw: a program's graph as text for a terminal, as DOT for graphviz, or as SVG. Nodes with one
// label are one box, edges between labels are one arrow. Pure; any thread. It writes no file.
#pragma once

#include <string>
#include <vector>

#include "launchpad/graph/plan.h"

namespace lp {

class Program;

namespace graph {

// What a picture shows: a plan with the tasks of one label taken together.
struct Picture {
  struct Box {
    std::string label;
    std::string kind;  // Several, with commas, if the label's tasks differ.
    int count = 0;
    bool serves = false;
  };
  struct Arrow {  // From who calls to who is called.
    size_t from = 0;
    size_t to = 0;
    int edges = 0;  // Handles that it stands for.
  };
  std::string title;
  std::vector<Box> boxes;
  std::vector<Arrow> arrows;
};

Picture picture_of(const Plan& plan);

std::string draw_text(const Picture& picture);
std::string draw_dot(const Picture& picture);
std::string draw_svg(const Picture& picture);

}  // namespace graph

// `format`: "text", "dot" or "svg". Errors: another format, a program that cannot be planned.
Result<std::string> draw(const Program& program, const std::string& format = "text");

}  // namespace lp
