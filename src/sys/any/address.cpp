// The text form of addresses. Our own parser instead of inet_pton: the same answer on every system,
// and none of the C library's leniency (octal parts, missing parts, zone names).
#include <cstring>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sys/socket.hpp"

namespace chimera::sys {
namespace {

bool parse_v4(std::string_view text, uint8_t* ip) {
  size_t i = 0;
  for (int part = 0;; ++part) {
    const size_t start = i;
    unsigned value = 0;
    for (; i < text.size() && is_digit(text[i]) && i - start < 3; ++i) {
      value = value * 10 + static_cast<unsigned>(text[i] - '0');
    }
    const bool leading_zero = i - start > 1 && text[start] == '0';
    if (i == start || value > 255 || leading_zero) return false;
    ip[part] = static_cast<uint8_t>(value);
    if (part == 3) return i == text.size();
    if (i == text.size() || text[i] != '.') return false;
    ++i;
  }
}

// One to four hexadecimal digits into two bytes.
bool parse_group(std::string_view text, uint8_t* out) {
  if (text.empty() || text.size() > 4) return false;
  unsigned value = 0;
  for (char raw : text) {
    const char c = to_lower(raw);
    const bool letter = c >= 'a' && c <= 'f';
    if (!letter && !is_digit(c)) return false;
    value = value * 16 + static_cast<unsigned>(letter ? c - 'a' + 10 : c - '0');
  }
  out[0] = static_cast<uint8_t>(value >> 8);
  out[1] = static_cast<uint8_t>(value & 0xff);
  return true;
}

// RFC 4291 section 2.2. Reads groups to the left; "::" remembers where, and what was read behind it
// moves to the right end afterwards.
bool parse_v6(std::string_view text, uint8_t* ip) {
  constexpr size_t kNoGap = 17;
  size_t used = 0, gap = kNoGap, i = 0;
  if (text.starts_with("::")) gap = 0, i = 2;
  while (i < text.size()) {
    if (used == 16) return false;
    const std::string_view group = text.substr(i, text.substr(i).find(':'));
    if (group.find('.') != group.npos) {
      if (used > 12 || !parse_v4(text.substr(i), ip + used)) return false;  // the last group only
      used += 4;
      break;
    }
    if (!parse_group(group, ip + used)) return false;
    used += 2;
    i += group.size();
    if (i == text.size()) break;
    if (++i == text.size()) return false;  // a single colon at the end
    if (text[i] != ':') continue;
    if (gap != kNoGap) return false;
    gap = used;
    ++i;
  }
  if (gap == kNoGap) return used == 16;
  if (used == 16) return false;  // "::" stands for at least one group
  const size_t tail = used - gap;
  memmove(ip + 16 - tail, ip + gap, tail);
  memset(ip + gap, 0, 16 - used);
  return true;
}

void append_v4(std::string& out, const uint8_t* ip) {
  for (int i = 0; i < 4; ++i) {
    if (i > 0) out += '.';
    append_u64(out, ip[i]);
  }
}

void append_group(std::string& out, const uint8_t* pair) {
  const unsigned value = static_cast<unsigned>(pair[0] << 8 | pair[1]);
  for (int shift = 12; shift >= 0; shift -= 4) {
    if (shift == 0 || value >> shift != 0) out += "0123456789abcdef"[value >> shift & 15];
  }
}

bool is_mapped_v4(const uint8_t* ip) {
  static constexpr uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return memcmp(ip, kPrefix, sizeof kPrefix) == 0;
}

// RFC 5952: the first of the longest runs of two or more zero groups becomes "::".
void append_v6(std::string& out, const uint8_t* ip) {
  if (is_mapped_v4(ip)) {
    out += "::ffff:";
    append_v4(out, ip + 12);
    return;
  }
  int best = 8, best_length = 1;
  for (int i = 0, length = 0; i < 8; ++i) {
    length = ip[2 * i] == 0 && ip[2 * i + 1] == 0 ? length + 1 : 0;
    if (length > best_length) best = i + 1 - length, best_length = length;
  }
  for (int i = 0; i < 8; ++i) {
    if (i == best) {
      out += "::";
      i += best_length - 1;
      continue;
    }
    if (i > 0 && out.back() != ':') out += ':';
    append_group(out, ip + 2 * i);
  }
}

}  // namespace

bool Address::loopback() const {
  if (family == Family::v4) return ip[0] == 127;
  if (family != Family::v6) return false;
  static constexpr uint8_t kOne[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return memcmp(ip, kOne, sizeof kOne) == 0 || (is_mapped_v4(ip) && ip[12] == 127);
}

Result<Address> parse_ip(std::string_view text, uint16_t port) {
  Address a;
  a.port = port;
  if (text.find(':') == text.npos) {
    a.family = Address::Family::v4;
    if (!parse_v4(text, a.ip)) return fail(Errc::bad_input, "IPv4 address");
    return a;
  }
  a.family = Address::Family::v6;
  const size_t percent = text.find('%');
  if (percent != text.npos) {
    const Result<uint64_t> zone = parse_u64(text.substr(percent + 1));
    if (!zone || *zone > UINT32_MAX) return fail(Errc::bad_input, "IPv6 zone");
    a.scope = static_cast<uint32_t>(*zone);
    text = text.substr(0, percent);
  }
  if (!parse_v6(text, a.ip)) return fail(Errc::bad_input, "IPv6 address");
  return a;
}

std::string to_text(const Address& a) {
  std::string out;
  if (a.family == Address::Family::none) return out;
  if (a.family == Address::Family::v4) {
    append_v4(out, a.ip);
  } else {
    out += '[';
    append_v6(out, a.ip);
    if (a.scope != 0) {
      out += '%';
      append_u64(out, a.scope);
    }
    out += ']';
  }
  out += ':';
  append_u64(out, a.port);
  return out;
}

}  // namespace chimera::sys
