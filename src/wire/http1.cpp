// A head arrives in pieces and is parsed anew from its first byte each time. So the first step is
// one cheap search for the empty line; only a head that is there whole is looked at more closely.
// The one thing judged early is the first bytes: a peer that does not speak HTTP may never send an
// empty line.
#include "chimera/wire/http1.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"

namespace chimera::wire {
namespace {

// A bit for each of the 128 ASCII characters.
struct CharSet {
  uint64_t bits[2] = {};
  constexpr void add(char c) { bits[c / 64] |= uint64_t{1} << (c % 64); }
  constexpr bool has(char c) const {
    const auto code = static_cast<unsigned char>(c);
    return code < 128 && (bits[code / 64] >> (code % 64) & 1) != 0;
  }
};
constexpr CharSet kTokenChars = [] {
  CharSet set;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) set.add(c);
  for (char c = '0'; c <= '9'; ++c) set.add(c);
  for (char c = 'a'; c <= 'z'; ++c) set.add(c);
  for (char c = 'A'; c <= 'Z'; ++c) set.add(c);
  return set;
}();

bool is_token_char(char c) { return kTokenChars.has(c); }

bool is_token(std::string_view s) {
  for (const char c : s) {
    if (!is_token_char(c)) return false;
  }
  return !s.empty();
}

// Field values and reason phrases: anything but controls, a tab excepted.
bool is_field_text(std::string_view s) {
  for (const char c : s) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

// Not base's trim: a CR or a vertical tab at the end of a value must be seen and refused.
std::string_view trim_blanks(std::string_view s) {
  while (s.starts_with(' ') || s.starts_with('\t')) s.remove_prefix(1);
  while (s.ends_with(' ') || s.ends_with('\t')) s.remove_suffix(1);
  return s;
}

// The end of the first empty line behind `from`, or 0 while that has not arrived.
size_t find_end(std::string_view bytes, size_t from) {
  constexpr size_t kNone = std::string_view::npos;
  for (size_t at = bytes.find('\n', from); at != kNone; at = bytes.find('\n', at + 1)) {
    const std::string_view next = bytes.substr(at + 1, 2);
    if (next.starts_with('\n')) return at + 2;
    if (next == "\r\n") return at + 3;
  }
  return 0;
}

// Some clients send empty lines before a request (RFC 9112 section 2.2). They count as head.
size_t skip_empty_lines(std::string_view bytes) {
  size_t at = 0;
  for (;;) {
    const std::string_view next = bytes.substr(at, 2);
    if (!next.starts_with('\n') && next != "\r\n") return at;
    at += next.starts_with('\n') ? 1 : 2;
  }
}

// Cuts the head that starts at `from` into its start line and its fields. False while incomplete.
Result<bool> cut_head(std::string_view bytes, size_t from, std::string_view& line,
                      MessageHead& head) {
  bytes = bytes.substr(0, kHeadLimit);
  head.size = find_end(bytes, from);
  if (head.size == 0) {
    if (bytes.size() == kHeadLimit) return fail(Errc::too_large, "head over 64 KiB");
    return false;
  }
  std::string_view rest = bytes.substr(from, head.size - from);
  next_line(rest, line);
  rest.remove_suffix(rest.ends_with("\r\n") ? 2 : 1);
  head.fields = rest;
  return true;
}

// Reads "HTTP/1.x" off the front of `s`.
bool read_version(std::string_view& s, int& minor) {
  if (!s.starts_with("HTTP/1.") || s.size() < 8 || !is_digit(s[7])) return false;
  minor = s[7] - '0';
  s.remove_prefix(8);
  return true;
}

// What the fields say about the connection and where the body ends.
struct Facts {
  std::optional<uint64_t> length;
  bool chunked = false;
  bool close = false;
  bool keep_alive = false;
};

// One number, or a list of equal ones (RFC 9112 section 6.3 case 5).
Result<void> note_length(std::string_view value, Facts& facts) {
  for (;;) {
    const size_t comma = value.find(',');
    const Result<uint64_t> n = parse_u64(trim_blanks(value.substr(0, comma)));
    if (!n) return fail(Errc::protocol, "Content-Length");
    if (facts.length && *facts.length != *n) {
      return fail(Errc::protocol, "different Content-Length values");
    }
    facts.length = *n;
    if (comma == std::string_view::npos) return {};
    value.remove_prefix(comma + 1);
  }
}

void note_connection(std::string_view value, Facts& facts) {
  std::string_view option;
  while (next_part(value, ',', option)) {
    option = trim_blanks(option);
    if (iequals(option, "close")) facts.close = true;
    if (iequals(option, "keep-alive")) facts.keep_alive = true;
  }
}

Result<void> note_field(const Field& field, Facts& facts) {
  if (iequals(field.name, "content-length")) return note_length(field.value, facts);
  if (iequals(field.name, "connection")) note_connection(field.value, facts);
  if (iequals(field.name, "transfer-encoding")) {
    if (facts.chunked || !iequals(field.value, "chunked")) {
      return fail(Errc::protocol, "Transfer-Encoding");
    }
    facts.chunked = true;
  }
  return {};
}

// Of a response, where a value may go on in lines that begin with a blank (RFC 9112 section 5.2: a
// client reads them as one). No field that says where the message ends may: no two readers agree.
bool valid_folded(const Field& field) {
  std::string_view rest = field.value, line;
  if (rest.find('\n') != rest.npos && reserved_field(field.name)) return false;
  while (next_line(rest, line)) {
    if (!is_field_text(line)) return false;
  }
  return is_token(field.name);
}

// Checks every field and sets framing and keep_alive as far as the fields alone decide them.
Result<void> read_fields(MessageHead& head, bool response) {
  Facts facts;
  Field field;
  std::string_view rest = head.fields;
  for (int count = 1; next_field(rest, field); ++count) {
    if (count > kFieldLimit) return fail(Errc::too_large, "more than 256 header fields");
    const bool valid = response ? valid_folded(field) : valid_field(field.name, field.value);
    if (!valid) return fail(Errc::protocol, "header field");
    CHI_TRY_VOID(note_field(field, facts));
  }
  if (facts.chunked && facts.length) {
    return fail(Errc::protocol, "Content-Length with Transfer-Encoding");
  }
  if (facts.chunked && head.minor_version == 0) {
    return fail(Errc::protocol, "Transfer-Encoding in HTTP/1.0");
  }
  if (facts.chunked) head.framing = Framing::chunked;
  if (facts.length) {
    head.framing = Framing::length;
    head.content_length = *facts.length;
  }
  head.keep_alive = !facts.close && (head.minor_version > 0 || facts.keep_alive);
  return {};
}

// "HTTP/1.1 200 OK"; the reason, and the blank before it, may be missing.
bool read_status_line(std::string_view line, ResponseHead& head) {
  if (!read_version(line, head.minor_version) || line.size() < 4 || line[0] != ' ') return false;
  for (size_t i = 1; i < 4; ++i) {
    if (!is_digit(line[i])) return false;
    head.status = head.status * 10 + (line[i] - '0');
  }
  line.remove_prefix(4);
  if (!line.empty() && line[0] != ' ') return false;
  head.reason = line.substr(line.empty() ? 0 : 1);
  return head.status >= 100 && head.status < 600 && is_field_text(head.reason);
}

// "GET /path HTTP/1.1", one blank between the parts.
bool read_request_line(std::string_view line, RequestHead& head) {
  if (!next_part(line, ' ', head.method) || !is_token(head.method)) return false;
  if (!next_part(line, ' ', head.target) || head.target.empty()) return false;
  for (const char c : head.target) {
    if (c <= ' ' || c >= 0x7f) return false;
  }
  return read_version(line, head.minor_version) && line.empty();
}

}  // namespace

std::optional<std::string_view> MessageHead::field(std::string_view name) const {
  std::string_view rest = fields;
  Field f;
  while (next_field(rest, f)) {
    if (iequals(f.name, name)) return f.value;
  }
  return std::nullopt;
}

Result<std::optional<ResponseHead>> parse_response_head(std::string_view bytes,
                                                        bool head_request) {
  constexpr std::string_view kStart = "HTTP/1.";
  if (bytes.substr(0, kStart.size()) != kStart.substr(0, bytes.size())) {
    return fail(Errc::protocol, "not HTTP/1");
  }
  ResponseHead head;
  std::string_view line;
  CHI_TRY(const bool whole, cut_head(bytes, 0, line, head));
  if (!whole) return std::nullopt;
  if (!read_status_line(line, head)) return fail(Errc::protocol, "status line");
  CHI_TRY_VOID(read_fields(head, true));
  if (head_request || head.interim() || head.status == 204 || head.status == 304) {
    head.framing = Framing::none;
    head.content_length = 0;
  } else if (head.framing == Framing::none) {
    head.framing = Framing::until_close;
    head.keep_alive = false;
  }
  return head;
}

Result<std::optional<RequestHead>> parse_request_head(std::string_view bytes) {
  const size_t start = skip_empty_lines(bytes.substr(0, kHeadLimit));
  const std::string_view first = bytes.substr(start, 2);
  if (!first.empty() && first != "\r" && !is_token_char(first[0])) {
    return fail(Errc::protocol, "request line");
  }
  RequestHead head;
  std::string_view line;
  CHI_TRY(const bool whole, cut_head(bytes, start, line, head));
  if (!whole) return std::nullopt;
  if (!read_request_line(line, head)) return fail(Errc::protocol, "request line");
  CHI_TRY_VOID(read_fields(head, false));
  return head;
}

// A line without a colon comes out with an empty name, which valid_field refuses.
bool next_field(std::string_view& fields, Field& out) {
  std::string_view line;
  if (!next_line(fields, line)) return false;
  for (std::string_view more; fields.starts_with(' ') || fields.starts_with('\t');) {
    next_line(fields, more);
    line = {line.data(), static_cast<size_t>(more.data() + more.size() - line.data())};
  }
  const size_t colon = line.find(':');
  out = Field();
  if (colon != std::string_view::npos) {
    out = {line.substr(0, colon), trim_blanks(line.substr(colon + 1))};
  }
  return true;
}

bool valid_field(std::string_view name, std::string_view value) {
  return is_token(name) && is_field_text(value);
}

bool reserved_field(std::string_view name) {
  return iequals(name, "content-length") || iequals(name, "transfer-encoding") ||
         iequals(name, "connection");
}

}  // namespace chimera::wire
