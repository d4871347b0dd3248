#include "launchpad/graph/draw.h"

#include <algorithm>

#include "launchpad/graph/program.h"

namespace lp {
namespace graph {
namespace {

size_t box_of(Picture& picture, const std::string& label) {
  for (size_t i = 0; i < picture.boxes.size(); ++i) {
    if (picture.boxes[i].label == label) return i;
  }
  picture.boxes.push_back({label, "", 0, false});
  return picture.boxes.size() - 1;
}

void add_arrow(Picture& picture, size_t from, size_t to) {
  for (Picture::Arrow& arrow : picture.arrows) {
    if (arrow.from == from && arrow.to == to) {
      ++arrow.edges;
      return;
    }
  }
  picture.arrows.push_back({from, to, 1});
}

std::string counted(int count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string times(const Picture::Box& box) {
  return box.count == 1 ? "" : " \u00d7" + std::to_string(box.count);
}

std::string dot_quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

// How wide it is on a terminal, if each character takes one column.
size_t columns(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

Picture picture_of(const Plan& plan) {
  Picture picture;
  picture.title = plan.program;
  for (const Task& task : plan.tasks) {
    Picture::Box& box = picture.boxes[box_of(picture, task.label)];
    ++box.count;
    box.serves = box.serves || task.serves;
    if ((", " + box.kind + ",").find(", " + task.kind + ",") == std::string::npos)
      box.kind += (box.kind.empty() ? "" : ", ") + task.kind;
  }
  for (const Task& task : plan.tasks) {
    for (const int input : task.inputs) {
      auto called = static_cast<size_t>(input);
      if (called >= plan.tasks.size())  // Inside of another node.
        called = static_cast<size_t>(plan.inner[called - plan.tasks.size()].host);
      add_arrow(picture, box_of(picture, task.label), box_of(picture, plan.tasks[called].label));
    }
  }
  return picture;
}

std::string draw_text(const Picture& picture) {
  int nodes = 0;
  size_t width = 0;
  for (const Picture::Box& box : picture.boxes) {
    nodes += box.count;
    width = std::max(width, columns(box.label + times(box)));
  }
  std::string text = picture.title + ": " + counted(nodes, "node", "nodes") + ", " +
                     counted(static_cast<int>(picture.boxes.size()), "label", "labels") + "\n";
  for (size_t i = 0; i < picture.boxes.size(); ++i) {
    const Picture::Box& box = picture.boxes[i];
    const std::string name = box.label + times(box);
    text += "  " + name + std::string(width - columns(name) + 2, ' ') + box.kind + "\n";
    for (const Picture::Arrow& arrow : picture.arrows) {
      if (arrow.from != i) continue;
      const Picture::Box& called = picture.boxes[arrow.to];
      text += "    \u2514\u2500\u25ba " + called.label + times(called);
      if (arrow.edges > 1) text += "  (" + std::to_string(arrow.edges) + " handles)";
      text += "\n";
    }
  }
  return text;
}

std::string draw_dot(const Picture& picture) {
  std::string text = "digraph " + dot_quoted(picture.title) +
                     " {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=Helvetica];\n";
  for (const Picture::Box& box : picture.boxes) {
    const std::string shown = dot_quoted(box.label + times(box));
    const std::string kind = dot_quoted(box.kind);
    // Two lines: the closing quote of the first and the opening one of the second make way for \n.
    text += "  " + dot_quoted(box.label) + " [label=" + shown.substr(0, shown.size() - 1) + "\\n" +
            kind.substr(1) + (box.count > 1 ? ", peripheries=2" : "") + "];\n";
  }
  for (const Picture::Arrow& arrow : picture.arrows) {
    text += "  " + dot_quoted(picture.boxes[arrow.from].label) + " -> " +
            dot_quoted(picture.boxes[arrow.to].label);
    if (arrow.edges > 1) text += " [label=" + std::to_string(arrow.edges) + "]";
    text += ";\n";
  }
  return text + "}\n";
}

}  // namespace graph

Result<std::string> draw(const Program& program, const std::string& format) {
  LP_TRY_ASSIGN(const graph::Plan plan, program.plan());
  const graph::Picture picture = graph::picture_of(plan);
  if (format == "text") return graph::draw_text(picture);
  if (format == "dot") return graph::draw_dot(picture);
  if (format == "svg") return graph::draw_svg(picture);
  return Error(Code::kInvalidArgument,
               "no format '" + format + "' to draw in: there is text, dot and svg");
}

}  // namespace lp
