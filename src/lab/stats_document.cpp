#include "stats_document.hpp"

#include <algorithm>

#include "chimera/base/text.hpp"
#include "markup.hpp"

namespace chimera::lab {

void Document::heading(const char* pattern, std::initializer_list<Word> words) {
  std::string text;
  say(text, pattern, words);
  if (layout_ == html) {
    say(markup(), "<h2>%e</h2>", {text});
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
  say(out_, "<li>%e</li>", {text});
}

void Document::paragraph(std::string_view text) {
  if (layout_ != html) return wrapped("", text);
  say(markup(), "<p>%e</p>", {text});
}

void Document::code(std::string_view text) {
  if (layout_ == html) {
    say(markup(), "<pre>%e</pre>", {text});
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
  const std::string plain = printable(text, false);
  if (layout_ != markdown) return plain;
  std::string escaped;
  for (const char c : plain) {
    if (std::string_view("|*_`<[\\").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
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

void Document::html_table() {
  std::string& out = markup();
  out += "<div class='t'><table>";
  for (size_t at = 0; at < cells_.size(); ++at) {
    const size_t i = at % width_;
    if (i == 0) out += at == 0 ? "<thead><tr>" : at == width_ ? "</thead><tbody><tr>" : "<tr>";
    const char* const tag = at >= width_ ? i < left_ ? "th scope='row'" : "td"
                            : i < left_  ? "th scope='col' class='s'"
                                         : "th scope='col'";
    say(out, i == raw_ && at >= width_ ? "<%s>%s" : "<%s>%e", {tag, cells_[at]});
  }
  out += "</table></div>";
}

void Document::end_table() {
  std::vector<size_t> widths(width_);
  for (size_t i = 0; i < width_; ++i) {
    bool some = i < left_;
    for (size_t at = width_ + i; at < cells_.size(); at += width_) some |= cells_[at] != "-";
    for (size_t at = i; at < cells_.size(); at += width_) {
      if (layout_ != html) cells_[at] = safe(cells_[at]);
      widths[i] = some ? std::max(widths[i], count_code_points(cells_[at])) : SIZE_MAX;
    }
    if (i < raw_ && raw_ < width_ && !some) --raw_;
  }
  // Closes the gaps, cell by cell.
  size_t kept = 0, to = 0;
  for (size_t at = 0; at < cells_.size(); ++at) {
    if (widths[at % width_] != SIZE_MAX && to++ != at) cells_[to - 1].swap(cells_[at]);
  }
  for (const size_t w : widths) {
    if (w != SIZE_MAX) widths[kept++] = w;
  }
  cells_.resize(to);
  width_ = kept;
  if (layout_ == html) return html_table();
  for (size_t at = 0; at < to; at += width_) {
    row(at, widths);
    if (at != 0 || layout_ != markdown) continue;
    out_ += '|';
    for (size_t i = 0; i < width_; ++i) out_ += i < left_ ? " --- |" : " ---: |";
    out_ += '\n';
  }
}

}  // namespace chimera::lab
