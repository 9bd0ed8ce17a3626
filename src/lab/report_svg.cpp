// `-f svg`: every run of the compared groups, as one document that stands alone.
#include <algorithm>

#include "report_parts.hpp"

namespace chimera::lab {
namespace {

constexpr double kWidth = 720, kMargin = 24, kInside = kWidth - 2 * kMargin;

// Lines of a text from y on; returns where the next may begin.
double wrapped(std::string& out, std::string_view text, double size, const char* class_name,
               double y) {
  while (!text.empty()) {
    y += size * 1.35;
    put(out, "<text class='$' x='$' y='$'>$</text>",
        {class_name, kMargin, y, next_wrapped(text, kInside, size)});
  }
  return y;
}

double signs(std::string& out, double y) {
  double x = kMargin;
  for (const Sign& s : kSigns) {
    const double width = 34 + text_width(s.words, kSmall) + 18;
    if (x + width > kWidth) {
      x = kMargin;
      y += 20;
    }
    put(out, "<svg class='c0' x='$' y='$'>", {x, y});
    out += s.drawing;
    put(out, "</svg><text x='$' y='$'>$</text>", {x + 33, y + 4, s.words});
    x += width;
  }
  return y + 18;
}

}  // namespace

std::string stats_svg(const StatsReport& r) {
  const Analysis& a = *r.analyses[0];
  const Scale scale(a);
  const std::vector<const Group*> groups = ranked(a.compared(), a.info.better);
  const std::vector<Row> rows = rows_of(a, groups, scale.decimals);
  const RowChart chart{rows, scale.axis, scale.title};

  std::string body;
  double y = wrapped(body, scale.title, 19, "u", 22);
  y = wrapped(body, extent_words(a), kSmall, "", y + 4);
  y = signs(body, y + 22) + 4;
  put(body, "<svg x='$' y='$' width='$' height='$'>", {kMargin, y, kInside, height_of(chart)});
  draw(body, chart);
  body += "</svg>";
  y = wrapped(body, a.headline, kBase, "n", y + height_of(chart) + 12);
  for (const std::string& warning : a.warnings) y = wrapped(body, warning, kSmall, "", y + 4);
  y += kMargin;

  std::string out;
  put(out,
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 $ $' width='$' height='$' role='img' "
      "aria-labelledby='title desc'><title id='title'>$: $</title><desc id='desc'>$</desc><style>",
      {kWidth, y, kWidth, y, scale.title, a.headline, spoken(chart)});
  out += kChartStyle;
  out += "svg .u{font-size:19px;font-weight:600;fill:var(--f)}</style><defs>";
  out += kChartShapes;
  out += "</defs><rect width='100%' height='100%' fill='var(--b)'/>";
  out += body;
  out += "</svg>\n";
  return out;
}

}  // namespace chimera::lab
