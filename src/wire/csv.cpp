#include "chimera/wire/csv.hpp"

namespace chimera::wire {

std::string_view CsvField::text(std::string& scratch) const {
  if (!has_doubled) return raw;
  scratch.clear();
  for (size_t i = 0; i < raw.size(); ++i) {
    scratch += raw[i];
    if (raw[i] == '"') ++i;
  }
  return scratch;
}

CsvReader::CsvReader(std::string_view text) : text_(text) {
  if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
}

// Steps over CRLF, LF or CR when one is next. Inside quotes too, so that lines are counted alike.
bool CsvReader::take_line_end() {
  if (at_ == text_.size() || (text_[at_] != '\r' && text_[at_] != '\n')) return false;
  const bool cr = text_[at_] == '\r';
  ++at_;
  if (cr && at_ < text_.size() && text_[at_] == '\n') ++at_;
  ++line_;
  return true;
}

const char* CsvReader::plain(CsvField& field) {
  const char* const begin = text_.data() + at_;
  const char* const end = text_.data() + text_.size();
  const char* p = begin;
  const char* what = nullptr;
  for (; p != end && what == nullptr; ++p) {
    if (static_cast<unsigned char>(*p) > ',') continue;   // so is most of a field
    if (*p == ',' || *p == '\n' || *p == '\r') break;
    if (*p == '"') what = "a quote inside an unquoted field";
    if (*p == '\0') what = "a NUL byte";
  }
  field.raw = {begin, static_cast<size_t>(p - begin)};
  at_ += field.raw.size();
  return what;
}

const char* CsvReader::quoted(CsvField& field) {
  const size_t begin = ++at_;
  const size_t first_line = line_;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '\0') return "a NUL byte";
    if (take_line_end()) continue;
    ++at_;
    if (c != '"') continue;
    if (at_ < text_.size() && text_[at_] == '"') {
      field.has_doubled = true;
      ++at_;
      continue;
    }
    field.raw = text_.substr(begin, at_ - 1 - begin);
    const bool ends = at_ == text_.size() || text_[at_] == ',' || text_[at_] == '\n' ||
                      text_[at_] == '\r';
    return ends ? nullptr : "text after a closing quote";
  }
  line_ = first_line;   // the quote that is never closed is what to look for, not the last line
  return "a quote that is never closed";
}

Result<bool> CsvReader::next(std::vector<CsvField>& record) {
  record.clear();
  while (!what_ && take_line_end()) continue;
  if (!what_) record_line_ = line_;
  if (!what_ && at_ == text_.size()) return false;
  while (!what_) {
    CsvField field;
    const bool has_quote = at_ < text_.size() && text_[at_] == '"';
    what_ = has_quote ? quoted(field) : plain(field);
    if (!what_ && record.size() == kCsvFields) what_ = "more than 65536 fields";
    if (what_) break;
    record.push_back(field);
    if (at_ < text_.size() && text_[at_] == ',') {
      ++at_;
      continue;
    }
    take_line_end();
    return true;
  }
  record.clear();
  record_line_ = line_;
  return fail(Errc::bad_input, what_);
}

}  // namespace chimera::wire
