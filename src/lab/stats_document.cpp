#include "stats_document.hpp"

#include <algorithm>

#include "chimera/base/markup.hpp"
#include "chimera/base/text.hpp"

namespace chimera::lab {

void Document::heading(const char* pattern, std::initializer_list<Word> words) {
  std::string text;
  compose(text, pattern, words);
  if (layout_ == html) {
    compose(markup(), "<h2>%e</h2>", {text});
    return;
  }
  const bool first = out_.empty();
  if (!first) out_ += '\n';
  if (layout_ == markdown) out_ += first ? "# " : "## ";
  out_.append(safe(text)) += '\n';
  if (layout_ == markdown) out_ += '\n';
}

void Document::point(std::string_view text) {
  if (layout_ != html) return wrapped("- ", text);
  if (!in_list_) out_ += "<ul>";
  in_list_ = true;
  compose(out_, "<li>%e</li>", {text});
}

void Document::paragraph(std::string_view text) {
  if (layout_ != html) return wrapped("", text);
  compose(markup(), "<p>%e</p>", {text});
}

void Document::code(std::string_view text) {
  if (layout_ == html) {
    compose(markup(), "<pre>%e</pre>", {text});
  } else {
    if (layout_ == markdown) out_ += "    ";
    out_.append(printable(text, false)) += '\n';
    if (layout_ == markdown) out_ += '\n';
  }
}

std::string& Document::markup() {
  if (in_list_) out_ += "</ul>";
  in_list_ = false;
  return out_;
}

// Harmless on a terminal; in Markdown what would begin something is taken literally.
std::string Document::safe(std::string_view text) const {
  std::string plain = printable(text, false);
  if (layout_ != markdown) return plain;
  std::string escaped;
  char last = ' ';
  for (size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[i], next = i + 1 < plain.size() ? plain[i + 1] : ' ';
    // "p < 0.05" is no markup, "a_b" neither.
    const bool within = c == '<' ? is_space(next) : c == '_' && !is_space(last) && !is_space(next);
    if (!within && std::string_view("|*_`<[\\").find(c) != std::string_view::npos) {
      escaped += '\\';
    }
    escaped += c;
    last = c;
  }
  return escaped;
}

void Document::wrapped(std::string_view mark, std::string_view text) {
  const std::string all = safe(text);
  std::string_view rest = all, word;
  size_t column = mark.size();
  out_ += mark;
  for (bool first = true; next_part(rest, ' ', word); first = false) {
    const size_t length = count_code_points(word);
    if (!first && layout_ != markdown && column + 1 + length > columns_) {
      out_ += '\n';
      out_.append(mark.size(), ' ');
      column = mark.size();
    } else if (!first) {
      out_ += ' ';
      ++column;
    }
    out_ += word;
    column += length;
  }
  out_ += '\n';
}

void Document::row(size_t at, std::span<const size_t> widths) {
  const size_t begin = out_.size();
  if (layout_ == markdown) out_ += "| ";
  for (size_t i = 0; i < width_; ++i) {
    if (widths[i] == 0) continue;
    const std::string& cell = cells_[at + i];
    const size_t pad = widths[i] - count_code_points(cell);
    if (i >= left_) out_.append(pad, ' ');
    out_ += cell;
    if (i < left_) out_.append(pad, ' ');
    out_ += layout_ == markdown ? " | " : "  ";
  }
  out_.resize(std::max(out_.find_last_not_of(' ') + 1, begin));
  out_ += '\n';
}

void Document::html_table(std::span<const size_t> widths) {
  std::string& out = markup();
  out += "<div class='t'><table>";
  for (size_t at = 0; at < cells_.size(); ++at) {
    const size_t i = at % width_;
    if (i == 0) out += at == 0 ? "<thead><tr>" : at == width_ ? "</thead><tbody><tr>" : "<tr>";
    if (widths[i] == 0) continue;
    const char* const tag = at >= width_ ? i < left_ ? "th scope='row'" : "td"
                            : i < left_  ? "th scope='col' class='s'"
                                         : "th scope='col'";
    compose(out, i == raw_ && at >= width_ ? "<%s>%s" : "<%s>%e", {tag, cells_[at]});
  }
  out += "</table></div>";
}

void Document::end_table() {
  std::vector<size_t> widths(width_);  // 0: left out
  for (size_t i = 0; i < width_; ++i) {
    bool some = i < left_;
    for (size_t at = width_ + i; at < cells_.size(); at += width_) some |= cells_[at] != "-";
    for (size_t at = i; some && at < cells_.size(); at += width_) {
      if (layout_ != html) cells_[at] = safe(cells_[at]);
      widths[i] = std::max(widths[i], std::max<size_t>(count_code_points(cells_[at]), 1));
    }
  }
  if (layout_ == html) return html_table(widths);
  for (size_t at = 0; at < cells_.size(); at += width_) {
    row(at, widths);
    if (at != 0 || layout_ != markdown) continue;
    out_ += '|';
    for (size_t i = 0; i < width_; ++i) {
      if (widths[i] != 0) out_ += i < left_ ? " --- |" : " ---: |";
    }
    out_ += '\n';
  }
}

}  // namespace chimera::lab
