// `-f svg`: every run of the compared groups, as one document that stands alone.
#include "report_parts.hpp"

namespace chimera::lab {
namespace {

constexpr double kWidth = 720, kMargin = 24, kInside = kWidth - 2 * kMargin;

// Lines of a text from y on; returns where the next may begin.
double wrapped(std::string& out, std::string_view text, double size, const char* class_name,
               double y) {
  while (!text.empty()) {
    y += size * 1.35;
    compose(out, "<text class='%s' x='24' y='%c'>%e</text>",
            {class_name, y, next_wrapped(text, kInside, size)});
  }
  return y;
}

double signs(std::string& out, double y) {
  double x = kMargin;
  for (const Sign& s : kSigns) {
    const double width = 52 + text_width(s.words, kSmall);
    if (x + width > kWidth) {
      x = kMargin;
      y += 20;
    }
    compose(out, "<svg class='c0' x='%c' y='%c'>%s</svg><text x='%c' y='%c'>%s</text>",
            {x, y, s.drawing, x + 33, y + 4, s.words});
    x += width;
  }
  return y + 18;
}

}  // namespace

std::string stats_svg(const StatsReport& r) {
  const Analysis& a = *r.analyses[0];
  const std::string title = title_of(a);
  const std::vector<Row> rows = rows_of(a);
  const RowChart chart{rows, axis_of(rows), title};

  std::string body;
  double y = wrapped(body, title, 18, "u", 14);
  y = wrapped(body, extent_of(a), kSmall, "", y + 4);
  y = signs(body, y + 22) + 4;
  compose(body, "<svg x='24' y='%c' width='672' height='%c'>", {y, height_of(chart)});
  draw(body, chart);
  body += "</svg>";
  y = wrapped(body, a.headline, kBase, "n", y + height_of(chart) + 12);
  for (const std::string& warning : a.warnings) y = wrapped(body, warning, kSmall, "", y + 4);
  y += kMargin;

  std::string out;
  compose(out,
          "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 720 %c' width='720' height='%c' "
          "role='img' aria-labelledby='t d'><title id='t'>%e: %e</title><desc id='d'>%e</desc>"
          "<style>%s</style><defs>%s</defs><rect width='100%' height='100%' "
          "fill='var(--b)'/>%s</svg>\n",
          {y, y, title, a.headline, words_of(chart), kChartStyle, kChartShapes, body});
  return out;
}

}  // namespace chimera::lab
