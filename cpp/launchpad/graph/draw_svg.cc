// A layered layout, callers left of what they call: layers by the longest way, then an order in
// each layer with few crossings (barycentres), with invisible boxes where an arrow passes a layer.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "launchpad/graph/draw.h"

namespace lp::graph {
namespace {

constexpr double kMargin = 24, kGapX = 96, kGapY = 26, kHeight = 52, kPassing = 8, kTitle = 34;
constexpr int kSweeps = 8;

struct Cell {
  size_t box = 0;       // Of the picture; beyond its boxes: an arrow passes here.
  double x = 0, y = 0;  // The left edge, the middle.
  double width = 0, height = 0;
  size_t layer = 0;
  std::vector<size_t> left{}, right{};  // Cells of the layers beside it.
};

struct Route {
  std::vector<size_t> cells;  // From left to right.
  size_t arrow = 0;
  bool backwards = false;  // It closes a cycle: it points to the left.
};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

class Layout {
 public:
  explicit Layout(const Picture& picture) : picture_(picture) {
    find_backwards();
    layer_boxes();
    route_arrows();
    for (int sweep = 0; sweep < kSweeps; ++sweep) order(sweep % 2 == 0);
    place();
  }

  std::string svg() const;

 private:
  static constexpr double kLetter = 8.1, kSmallLetter = 6.3;

  void find_backwards();
  void visit(size_t box, std::vector<int>& state);
  void layer_boxes();
  void route_arrows();
  void order(bool from_left);
  void place();
  std::string box_svg(const Cell& cell) const;
  std::string route_svg(const Route& route) const;
  std::string loop_svg(const Cell& cell) const;

  const Picture& picture_;
  std::vector<bool> backwards_;
  std::vector<Cell> cells_;
  std::vector<std::vector<size_t>> layers_;
  std::vector<Route> routes_;
  double width_ = 0, height_ = 0;
};

void Layout::visit(size_t box, std::vector<int>& state) {
  state[box] = 1;
  for (size_t i = 0; i < picture_.arrows.size(); ++i) {
    const Picture::Arrow& arrow = picture_.arrows[i];
    if (arrow.from != box || arrow.to == box) continue;
    if (state[arrow.to] == 1) backwards_[i] = true;
    if (state[arrow.to] == 0) visit(arrow.to, state);
  }
  state[box] = 2;
}

// Arrows that close a cycle, if boxes that nobody calls come first.
void Layout::find_backwards() {
  backwards_.assign(picture_.arrows.size(), false);
  std::vector<int> state(picture_.boxes.size()), called(picture_.boxes.size());
  for (const Picture::Arrow& arrow : picture_.arrows) {
    if (arrow.from != arrow.to) ++called[arrow.to];
  }
  for (const bool roots : {true, false}) {
    for (size_t box = 0; box < state.size(); ++box) {
      if (state[box] == 0 && (!roots || called[box] == 0)) visit(box, state);
    }
  }
}

void Layout::layer_boxes() {
  std::vector<size_t> layer(picture_.boxes.size());
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t i = 0; i < picture_.arrows.size(); ++i) {
      auto [from, to, edges] = picture_.arrows[i];
      if (from == to) continue;
      if (backwards_[i]) std::swap(from, to);
      if (layer[to] > layer[from]) continue;
      layer[to] = layer[from] + 1;
      moved = true;
    }
  }
  for (size_t i = 0; i < picture_.boxes.size(); ++i) {
    const Picture::Box& box = picture_.boxes[i];
    const double letters = static_cast<double>(box.label.size() + (box.count > 1 ? 4 : 0));
    const double width =
        std::max(letters * kLetter, static_cast<double>(box.kind.size()) * kSmallLetter) + 28;
    cells_.push_back({i, 0, 0, std::max(width, 90.0), kHeight, layer[i]});
    if (layers_.size() <= layer[i]) layers_.resize(layer[i] + 1);
    layers_[layer[i]].push_back(i);
  }
}

void Layout::route_arrows() {
  for (size_t i = 0; i < picture_.arrows.size(); ++i) {
    auto [from, to, edges] = picture_.arrows[i];
    if (from == to) continue;
    if (backwards_[i]) std::swap(from, to);
    Route route{{from}, i, backwards_[i]};
    for (size_t layer = cells_[from].layer + 1; layer < cells_[to].layer; ++layer) {
      cells_.push_back({picture_.boxes.size(), 0, 0, 0, kPassing, layer});
      layers_[layer].push_back(cells_.size() - 1);
      route.cells.push_back(cells_.size() - 1);
    }
    route.cells.push_back(to);
    for (size_t step = 1; step < route.cells.size(); ++step) {
      cells_[route.cells[step - 1]].right.push_back(route.cells[step]);
      cells_[route.cells[step]].left.push_back(route.cells[step - 1]);
    }
    routes_.push_back(std::move(route));
  }
}

// Orders each layer by the mean place of its neighbours in the layer before.
void Layout::order(bool from_left) {
  std::vector<double> place(cells_.size());
  const auto note = [&](const std::vector<size_t>& layer) {
    for (size_t i = 0; i < layer.size(); ++i) {
      place[layer[i]] = (static_cast<double>(i) + 0.5) / static_cast<double>(layer.size());
    }
  };
  for (const auto& layer : layers_) note(layer);
  for (size_t step = 1; step < layers_.size(); ++step) {
    auto& layer = layers_[from_left ? step : layers_.size() - 1 - step];
    for (const size_t cell : layer) {
      const auto& beside = from_left ? cells_[cell].left : cells_[cell].right;
      if (beside.empty()) continue;
      double sum = 0;
      for (const size_t other : beside) sum += place[other];
      place[cell] = sum / static_cast<double>(beside.size());
    }
    std::stable_sort(layer.begin(), layer.end(),
                     [&](size_t a, size_t b) { return place[a] < place[b]; });
    note(layer);
  }
}

void Layout::place() {
  double x = kMargin;
  for (const auto& layer : layers_) {
    double widest = 0, tall = 0;
    for (const size_t cell : layer) {
      widest = std::max(widest, cells_[cell].width);
      tall += cells_[cell].height + kGapY;
    }
    for (const size_t cell : layer) cells_[cell].width = widest, cells_[cell].x = x;
    x += widest + kGapX;
    height_ = std::max(height_, tall);
  }
  width_ = std::max(x - kGapX, kMargin) + kMargin + 12;
  width_ = std::max(width_, 2 * kMargin + static_cast<double>(picture_.title.size()) * 9);
  for (const auto& layer : layers_) {
    double tall = 0;
    for (const size_t cell : layer) tall += cells_[cell].height + kGapY;
    double y = kTitle + kMargin + (height_ - tall) / 2;
    for (const size_t cell : layer) {
      cells_[cell].y = y + cells_[cell].height / 2;
      y += cells_[cell].height + kGapY;
    }
  }
  height_ += kTitle + 2 * kMargin;
}

std::string Layout::box_svg(const Cell& cell) const {
  const Picture::Box& box = picture_.boxes[cell.box];
  const double top = cell.y - kHeight / 2;
  const auto card = [&](double shift) {
    return "<rect x=\"" + number(cell.x + shift) + "\" y=\"" + number(top - shift) + "\" width=\"" +
           number(cell.width) + "\" height=\"" + number(kHeight) + "\" rx=\"8\" class=\"" +
           (box.serves ? "serves" : "runs") + "\"/>\n";
  };
  std::string text;
  if (box.count > 2) text += card(8);
  if (box.count > 1) text += card(4);
  text += card(0);
  const std::string middle = number(cell.x + cell.width / 2);
  text += "<text x=\"" + middle + "\" y=\"" + number(cell.y - 3) + "\" class=\"label\">" +
          escaped(box.label);
  if (box.count > 1)
    text += " <tspan class=\"count\">\u00d7" + std::to_string(box.count) + "</tspan>";
  return text + "</text>\n<text x=\"" + middle + "\" y=\"" + number(cell.y + 15) +
         "\" class=\"kind\">" + escaped(box.kind) + "</text>\n";
}

std::string Layout::route_svg(const Route& route) const {
  // Arrows of a cycle leave room for those of the other direction.
  const double shift = route.backwards ? 9 : 0;
  // Where the way touches the cells' edges, from left to right; each cell but the first and the
  // last is passed from one edge to the other.
  std::vector<std::pair<double, double>> points;
  for (size_t step = 0; step < route.cells.size(); ++step) {
    const Cell& cell = cells_[route.cells[step]];
    if (step > 0) points.emplace_back(cell.x, cell.y + shift);
    if (step + 1 < route.cells.size()) points.emplace_back(cell.x + cell.width, cell.y + shift);
  }
  if (route.backwards) std::reverse(points.begin(), points.end());
  std::string path = "M" + number(points[0].first) + " " + number(points[0].second);
  for (size_t i = 1; i < points.size(); ++i) {
    const auto [x, y] = points[i - 1];
    const auto [to_x, to_y] = points[i];
    if (i % 2 == 0) {  // Along a cell.
      path += " H" + number(to_x);
      continue;
    }
    const double bend = (to_x - x) / 2;
    path += " C" + number(x + bend) + " " + number(y) + " " + number(to_x - bend) + " " +
            number(to_y) + " " + number(to_x) + " " + number(to_y);
  }
  std::string text = "<path d=\"" + path + "\" class=\"arrow\" marker-end=\"url(#tip)\"/>\n";
  const int edges = picture_.arrows[route.arrow].edges;
  if (edges == 1) return text;
  const Cell& first = cells_[route.cells[0]];
  const Cell& second = cells_[route.cells[1]];
  return text + "<text x=\"" + number((first.x + first.width + second.x) / 2) + "\" y=\"" +
         number((first.y + second.y) / 2 + (route.backwards ? shift + 12 : -6)) +
         "\" class=\"edges\">" + std::to_string(edges) + "</text>\n";
}

std::string Layout::loop_svg(const Cell& cell) const {
  const double x = cell.x + cell.width / 2, y = cell.y + kHeight / 2;
  return "<path d=\"M" + number(x + 16) + " " + number(y) + " C" + number(x + 30) + " " +
         number(y + 24) + " " + number(x - 30) + " " + number(y + 24) + " " + number(x - 16) + " " +
         number(y) + "\" class=\"arrow\" marker-end=\"url(#tip)\"/>\n";
}

std::string Layout::svg() const {
  std::string text =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(width_) + "\" height=\"" +
      number(height_) + "\" viewBox=\"0 0 " + number(width_) + " " + number(height_) +
      "\" font-family=\"Helvetica, Arial, sans-serif\">\n"
      "<defs><marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" "
      "markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
      "<path d=\"M0 0.5 L10 5 L0 9.5 z\" fill=\"#5f6b7a\"/></marker></defs>\n"
      "<style>.serves{fill:#e8f1fd;stroke:#2f6fc1;stroke-width:1.4}"
      ".runs{fill:#f5f5f0;stroke:#8a8a78;stroke-width:1.4}"
      ".arrow{fill:none;stroke:#5f6b7a;stroke-width:1.5}"
      "text{text-anchor:middle;fill:#1c2733}.label{font-size:14px;font-weight:600}"
      ".count{font-weight:400;fill:#2f6fc1}.kind{font-size:11px;fill:#5f6b7a}"
      ".edges{font-size:11px;fill:#5f6b7a}"
      ".title{font-size:15px;font-weight:600;text-anchor:start}</style>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text x=\"" +
      number(kMargin) + "\" y=\"" + number(kMargin + 8) + "\" class=\"title\">" +
      escaped(picture_.title) + "</text>\n";
  for (const Route& route : routes_) text += route_svg(route);
  for (const Picture::Arrow& arrow : picture_.arrows) {
    if (arrow.from == arrow.to) text += loop_svg(cells_[arrow.from]);
  }
  for (size_t i = 0; i < picture_.boxes.size(); ++i) text += box_svg(cells_[i]);
  return text + "</svg>\n";
}

}  // namespace

std::string draw_svg(const Picture& picture) { return Layout(picture).svg(); }

}  // namespace lp::graph
