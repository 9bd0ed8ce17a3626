#include "chart.hpp"

#include <math.h>

#include <algorithm>

#include "chimera/base/words.hpp"

namespace chimera::lab {

const std::string_view kChartStyle =
    ":root{color-scheme:light dark;--b:#fff;--f:#1b2027;--m:#5a6470;--l:#d8dee4}"
    ".c0{color:#0072b2}.c1{color:#d55e00}.c2{color:#009e73}.c3{color:#cc79a7}.c4{color:#e69f00}"
    ".c5{color:#56b4e9}.c6{color:#8a7800}.c7{color:#6e6e6e}"
    "@media(prefers-color-scheme:dark){:root{--b:#12161c;--f:#e8ecf1;--m:#9ba6b3;--l:#2d353f}"
    ".c0{color:#4a9fe0}.c1{color:#f07f3c}.c2{color:#2fc296}.c3{color:#e196c1}.c4{color:#f0b429}"
    ".c5{color:#9fd8f8}.c6{color:#e3d54a}.c7{color:#b4b4b4}}"
    "svg{overflow:visible}svg text{font:11.5px system-ui,sans-serif;fill:var(--m)}"
    "svg .n,svg .u{font-size:13px;font-weight:600;fill:var(--f)}svg .u{font-size:18px}"
    ".n,.b{stroke:var(--b);stroke-width:4;paint-order:stroke}"
    ".n tspan{font-size:11.5px;font-weight:400;fill:var(--m)}"
    ".e{text-anchor:end}.h{text-anchor:middle}"
    ".d,.r{fill:currentColor}.d{stroke:var(--b);stroke-width:.8;fill-opacity:.85}"
    ".g,.l,.i,.p{fill:none;stroke:var(--l)}.l,.p{stroke:var(--m)}.p{stroke-dasharray:5 3}"
    ".w,.q,.o{stroke:currentColor;stroke-width:1.5}.q{fill:currentColor;fill-opacity:.28}"
    ".i{stroke:var(--f);stroke-width:2}.v{fill:var(--f);stroke:var(--b)}.o{fill:var(--b)}";

const std::string_view kChartShapes =
    "<path id='s0' d='M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0'/><path id='s1' "
    "d='M-3.6-3.6h7.2v7.2h-7.2z'/>"
    "<path id='s2' d='M0-4.6L4.4 3.4h-8.8z'/><path id='s3' d='M0-5L5 0L0 5L-5 0z'/>"
    "<path id='s4' d='M-1.5-4.6h3v3.1h3.1v3h-3.1v3.1h-3v-3.1h-3.1v-3h3.1z'/>"
    "<use id='s5' href='#s2' transform='scale(1-1)'/><use id='s6' href='#s4' "
    "transform='rotate(45)'/>"
    "<path id='s7' d='M-2.4-4.4h4.8L5 0L2.4 4.4h-4.8L-5 0z'/>";

namespace {

// By functions: a call builds no words.
void line(std::string& out, const char* class_name, double x1, double x2, double y1, double y2) {
  compose(out, "<line class='%s' x1='%c%' x2='%c%' y1='%c' y2='%c'/>",
          {class_name, x1, x2, y1, y2});
}
void rectangle(std::string& out, const char* class_name, double x1, double x2, double y,
               double height) {
  compose(out, "<rect class='%s' x='%c%' y='%c' width='%c%' height='%c'/>",
          {class_name, x1, y, x2 - x1, height});
}
void text(std::string& out, const char* class_name, double x, double y, std::string_view words) {
  compose(out, "<text class='%s' x='%c%' y='%c'>%e</text>", {class_name, x, y, words});
}

// Vertical lines at the ticks from y `top` to `bottom`; below them the labels that have room, and
// the title.
void draw_x_axis(std::string& out, const Axis& axis, std::string_view title, double top,
                 double bottom) {
  double free_from = 0;
  for (int i = 0; i <= axis.steps(); ++i) {
    const double x = axis.at(axis.value(i));
    line(out, "g", x, x, top, bottom);
    std::string label;
    axis.append_label(label, i);
    const double width = text_width(label, kSmall);
    const bool last = i == axis.steps();
    const double from = x * kNarrow / 100 - (i == 0 ? 0 : last ? width : width / 2);
    if (from < free_from) continue;
    free_from = from + width + 8;
    text(out, i == 0 ? "" : last ? "e" : "h", x, bottom + 15, label);
  }
  text(out, "h", 50, bottom + 32, fitted(title, kNarrow, kSmall));
}

// --- rows ---------------------------------------------------------------------------------------

// Below its name, from the top.
constexpr double kName = 17, kSaid = 15, kDots = 22, kBox = 18, kMean = 11, kGap = 13, kBar = 18;

// The runs of a row that its axis does not hold.
struct Beyond {
  size_t below = 0, above = 0;
  double least = INFINITY, greatest = -INFINITY;
};

Beyond beyond_of(const RowChart& c, const Row& row) {
  Beyond b;
  for (size_t i = 0; i < row.n && c.kind != RowChart::bars; ++i) {
    const double v = row.value(row.of, i);
    if (!isfinite(v) || c.axis.holds(v)) continue;
    ++(v < c.axis.low() ? b.below : b.above);
    b.least = fmin(b.least, v);
    b.greatest = fmax(b.greatest, v);
  }
  return b;
}

// Whether anything of a row is drawn on the axis.
bool has_lane(const Row& row, const Beyond& b) {
  return row.d->n > b.below + b.above;
}

double height_of(const RowChart& c, const Row& row) {
  if (c.kind == RowChart::bars) return kName + kBar + kGap;
  const Beyond b = beyond_of(c, row);
  return kName + (b.below + b.above > 0 ? kSaid : 0) + kGap +
         (has_lane(row, b) ? kDots + (c.kind == RowChart::box ? kBox : 0) + kMean : 0);
}

// The name, and what is said about it.
void draw_name(std::string& out, const RowChart& c, const Row& row, double y) {
  std::string note;
  append_note(note, c, row);
  const double room = kNarrow - text_width(note, kSmall) - 10;
  compose(out, "<text class='n' y='%c'>%e<tspan dx='10'>%e</tspan></text>",
          {y + 12, fitted(row.name, room, kBase + 0.5), note});
}

// Dots that would lie on each other are stacked to both sides of the line.
void draw_dots(std::string& out, const Row& row, const Axis& axis, double y) {
  constexpr double kWide = 6.2;
  uint32_t stacked[static_cast<int>(kNarrow / kWide) + 2] = {};
  out += "<g class='d'>";
  for (size_t i = 0; i < row.n; ++i) {
    const double v = row.value(row.of, i);
    if (!isfinite(v) || !axis.holds(v)) continue;
    const double x = axis.at(v);
    const uint32_t level = stacked[static_cast<int>(x * kNarrow / 100 / kWide)]++ % 7;
    const uint32_t steps = (level + 1) / 2;
    const double away = steps * 2.9;
    compose(out, "<circle cx='%c%' cy='%c' r='3.1'><title>",
            {x, level % 2 != 0 ? y - away : y + away});
    if (row.tip != nullptr) row.tip(out, row.of, i);
    out += "</title></circle>";
  }
  out += "</g>";
}

void draw_box(std::string& out, const Description& d, const Axis& axis, double y) {
  const double middle = axis.at(d.p50);
  line(out, "w", axis.at(d.p5), axis.at(d.p95), y, y);
  rectangle(out, "q", axis.at(d.p25), axis.at(d.p75), y - 5, 10);
  line(out, "i", middle, middle, y - 7, y + 7);
}

void draw_mean(std::string& out, const Row& row, const Axis& axis, double y) {
  if (!axis.holds(row.d->mean)) return;
  if (!isnan(row.mean.low)) line(out, "i", axis.at(row.mean.low), axis.at(row.mean.high), y, y);
  compose(out, "<use class='v' href='#s3' x='%c%' y='%c'/>", {axis.at(row.d->mean), y});
}

void draw_beyond(std::string& out, const Row& row, const Beyond& b, double y) {
  const size_t count = b.below + b.above;
  std::string said;
  compose(said, "%s%s%s%d run%s off this axis: %v",
          {b.below > 0 ? "\u25c2" : "", b.above > 0 ? "\u25b8" : "",
           count == row.d->n && count > 1 ? " all " : " ", count, count == 1 ? "" : "s", b.least});
  if (b.greatest > b.least) compose(said, " to %v", {b.greatest});
  text(out, "", 0, y + 11, fitted(said, kNarrow, kSmall));
}

void draw_bar(std::string& out, const Row& row, const Axis& axis, double y) {
  const double first = axis.at(row.parts[0]);
  rectangle(out, "r c0", 0, first, y, 13);
  rectangle(out, "r c1", first, axis.at(row.parts[0] + row.parts[1]), y, 13);
  rectangle(out, "r c3", 0, axis.at(row.marked), y + 15, 4);
}

void draw_row(std::string& out, const RowChart& c, const Row& row, double y) {
  const Beyond b = beyond_of(c, row);
  draw_name(out, c, row, y);
  y += kName;
  if (c.kind == RowChart::bars) return draw_bar(out, row, c.axis, y);
  if (b.below + b.above > 0) {
    draw_beyond(out, row, b, y);
    y += kSaid;
  }
  if (!has_lane(row, b)) return;
  compose(out, "<g class='c%c'>", {colour_of(row.series)});
  draw_dots(out, row, c.axis, y + kDots / 2);
  y += kDots;
  if (c.kind == RowChart::box) {
    draw_box(out, *row.d, c.axis, y + kBox / 2);
    y += kBox;
  }
  draw_mean(out, row, c.axis, y + kMean / 2);
  out += "</g>";
}

}  // namespace

double height_of(const RowChart& c) {
  double height = kBelow;
  for (const Row& row : c.rows) height += height_of(c, row);
  return height;
}

void draw(std::string& out, const RowChart& c) {
  double y = 0;
  draw_x_axis(out, c.axis, c.axis_title, y, height_of(c) - kBelow);
  for (const Row& row : c.rows) {
    draw_row(out, c, row, y);
    y += height_of(c, row);
  }
}

void append_note(std::string& out, const RowChart& c, const Row& row) {
  if (c.kind == RowChart::bars)
    compose(out, "%v + %v pp", {row.parts[0], row.parts[1]});
  else
    compose(out, "mean %v, n %d", {row.d->mean, row.d->n});
}

std::string words_of(const RowChart& c) {
  std::string out;
  for (const Row& row : c.rows) {
    compose(out, "%s: ", {row.name});
    append_note(out, c, row);
    out += ". ";
  }
  return out;
}

// --- points -------------------------------------------------------------------------------------

namespace {

constexpr double kAbove = 26;  // room for the title of y

double y_of(const PointChart& c, double v) {
  return kAbove + c.height * (1 - c.y.at(v) / 100);
}

void draw_y_axis(std::string& out, const PointChart& c) {
  compose(out, "<text x='-38' y='11'>%e</text>", {c.y_title});
  for (int i = 0; i <= c.y.steps(); ++i) {
    const double y = y_of(c, c.y.value(i));
    line(out, "g", 0, 100, y, y);
    std::string label;
    c.y.append_label(label, i);
    compose(out, "<text class='e' x='-7' y='%c'>%s</text>", {y + 4, label});
  }
}

void draw_frontier(std::string& out, const PointChart& c) {
  const Point* before = nullptr;
  for (const uint32_t i : frontier_of(c.points)) {
    const Point* p = &c.points[i];
    const double x = c.x.at(p->x);
    if (before != nullptr) {
      const double y = y_of(c, before->y);
      line(out, "p", c.x.at(before->x), x, y, y);
      line(out, "p", x, x, y, y_of(c, p->y));
    }
    before = p;
  }
}

void draw_labels(std::string& out, const PointChart& c) {
  std::vector<Label> labels(c.points.size());
  Label* l = labels.data();
  for (const Point& p : c.points) {
    l->x = c.x.at(p.x) * kNarrow / 100;
    l->y = y_of(c, p.y) - kAbove;
    l++->width = fmin(text_width(p.label, kSmall), kNarrow / 2 - kLabelGap);
  }
  place(labels, c.height);
  l = labels.data();
  for (const Point& p : c.points) {
    const double away = l->at - l->y, side = l->left ? -kLabelGap : kLabelGap;
    compose(out,
            "<svg x='%c%' y='%c'><path class='l' d='M0 0L%c %c'/>"
            "<text class='b%s' x='%c' y='%c'>%e</text></svg>",
            {c.x.at(p.x), kAbove + l->y, side * 0.5, away, l->left ? " e" : "", side, away + 4,
             fitted(p.label, kNarrow / 2 - kLabelGap, kSmall)});
    ++l;
  }
}

}  // namespace

double height_of(const PointChart& c) {
  return kAbove + c.height + kBelow;
}

void draw(std::string& out, const PointChart& c) {
  draw_y_axis(out, c);
  draw_x_axis(out, c.x, c.x_title, kAbove, kAbove + c.height);
  if (c.frontier) draw_frontier(out, c);
  const bool labelled = !c.points.empty() && !c.points[0].label.empty();
  if (labelled) draw_labels(out, c);
  for (const Point& p : c.points) {
    compose(out, "<use class='%s c%c' href='#s%c' x='%c%' y='%c'><title>",
            {c.x.holds(p.x) && c.y.holds(p.y) ? "d" : "o", colour_of(p.series), shape_of(p.series),
             c.x.at(p.x), y_of(c, p.y)});
    if (c.tip != nullptr) c.tip(out, p.of);
    out += "</title></use>";
  }
}

}  // namespace chimera::lab
