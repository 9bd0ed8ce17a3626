#include "chimera/base/number.hpp"
#include "chimera/base/packed.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sim/settings.hpp"

namespace chimera::sim {
namespace {

// What a position may be, as bits.
constexpr uint8_t kTokens = 1, kBytes = 2, kDuration = 4;

struct Row {
  FaultKind kind;
  uint8_t position;
};
// In the order of kHelp.
constexpr Row kRows[] = {
    {FaultKind::refuse, 0},
    {FaultKind::silence, 0},
    {FaultKind::slow_head, kDuration},
    {FaultKind::status, 0},
    {FaultKind::retry_after, kDuration},
    {FaultKind::fin, kTokens | kBytes},
    {FaultKind::rst, kTokens | kBytes},
    {FaultKind::stall, kTokens | kDuration},
    {FaultKind::error, kTokens},
    {FaultKind::bad_json, kTokens},
    {FaultKind::bad_chunk, kTokens},
    {FaultKind::no_last_chunk, 0},
    {FaultKind::drop_keep_alive, 0},
    {FaultKind::long_line, kBytes},
    {FaultKind::split_utf8, 0},
    {FaultKind::crlf, 0},
    {FaultKind::cr, 0},
    {FaultKind::comments, 0},
    {FaultKind::no_space, 0},
    {FaultKind::bom, 0},
    {FaultKind::multi_line, 0},
    {FaultKind::no_done, 0},
    {FaultKind::null_finish, 0},
    {FaultKind::loop, kTokens},
    {FaultKind::cold, 0},
};
constexpr FaultHelp kPlain[] = {
    {"refuse", "reset the connection at once"},
    {"silence", "read the request, never answer"},
    {"slow-head", "send the head byte by byte over @TIME (1s)"},
    {"status-CODE", "answer with that status (400 to 599)"},
    {"retry-after", "429 with Retry-After: @TIME (1s)"},
    {"fin", "close before token @N (the middle), or behind @Nb bytes"},
    {"rst", "reset, likewise"},
    {"stall", "send nothing before token @N (the middle), for ever or @N+TIME"},
    {"error", "an error object before token @N"},
    {"bad-json", "a broken line before token @N"},
    {"bad-chunk", "a broken chunk size before token @N"},
    {"no-last-chunk", "close without the last chunk"},
    {"drop-keep-alive", "close behind an answer that promised to keep the connection"},
    {"long-line", "a last line of @Nb bytes (1000000b)"},
    {"split-utf8", "cut every multi-byte character by a chunk boundary"},
    {"crlf", "end lines with CRLF"},
    {"cr", "/v1: end lines with CR alone"},
    {"comments", "/v1: three comments in front of each event"},
    {"no-space", "/v1: no blank behind data:"},
    {"bom", "/v1: a byte order mark in front of all"},
    {"multi-line", "/v1: the data of each event on two lines"},
    {"no-done", "/v1: the last event, [DONE], is missing"},
    {"null-finish", "/v1: finish_reason stays null to the end"},
    {"loop", "from token @N (the middle) on the same again and again, five times the length"},
    {"cold", "load the model again, which takes --load"},
};
constexpr auto& kHelp = PackedTable<kPlain, &FaultHelp::help>::kRows;
constexpr size_t kCount = sizeof kRows / sizeof kRows[0];
static_assert(kCount == std::size(kHelp));

std::unexpected<Error> bad() {
  return fail(Errc::usage, "fault");
}

Result<Row> parse_kind(std::string_view name, Fault& out) {
  constexpr std::string_view kStatus = "status-";
  if (name.starts_with(kStatus)) {
    CHI_TRY(const uint64_t code, parse_u64(name.substr(kStatus.size())));
    if (code < 400 || code > 599) return bad();
    out.status = static_cast<int>(code);
    name = "status-CODE";
  }
  for (size_t i = 0; i < kCount; ++i) {
    if (name == kHelp[i].name && (out.status != 0 || kRows[i].kind != FaultKind::status)) {
      return kRows[i];
    }
  }
  return bad();
}

Result<int64_t> parse_count(std::string_view text) {
  CHI_TRY(const uint64_t n, parse_u64(text));
  if (n > INT32_MAX) return bad();
  return static_cast<int64_t>(n);
}

// "20", "300b", "2s", "20+2s"
Result<void> parse_position(std::string_view text, uint8_t allowed, Fault& out) {
  std::string_view part;
  while (next_part(text, '+', part)) {
    const bool bytes = part.ends_with('b');
    const bool plain = !part.empty() && is_digit(part.back());
    const uint8_t what = bytes ? kBytes : plain ? kTokens : kDuration;
    if ((allowed & what) == 0) return bad();
    allowed = static_cast<uint8_t>(allowed & ~what);
    if (what == kDuration) {
      CHI_TRY(out.duration, parse_duration(part));
    } else {
      if (bytes) part.remove_suffix(1);
      CHI_TRY((bytes ? out.bytes : out.tokens), parse_count(part));
    }
  }
  return {};
}

Result<void> parse_probability(std::string_view text, Fault& out) {
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  CHI_TRY(const double p, parse_double(text));
  out.probability = percent ? p / 100 : p;
  if (out.probability < 0 || out.probability > 1) return bad();
  return {};
}

}  // namespace

Result<Fault> parse_fault(std::string_view text) {
  Fault fault;
  const size_t at = text.find('@');
  const std::string_view head = text.substr(0, at);
  const size_t colon = head.find(':');
  CHI_TRY(const Row row, parse_kind(head.substr(0, colon), fault));
  fault.kind = row.kind;
  if (colon != head.npos) CHI_TRY_VOID(parse_probability(head.substr(colon + 1), fault));
  if (at != text.npos) {
    if (at + 1 == text.size()) return bad();
    CHI_TRY_VOID(parse_position(text.substr(at + 1), row.position, fault));
  }
  return fault;
}

std::span<const FaultHelp> fault_help() {
  return kHelp;
}

}  // namespace chimera::sim
