// An answer is hostile until proven otherwise: every read is checked against the packet's end,
// names may only point backwards and so cannot loop, counts are believed no further than the bytes
// go.
//
// Names are compared in wire form, labels with their length bytes, lower-cased. Lower-casing the
// whole is safe: a length is at most 63, below 'A'.
#include "chimera/wire/dns.hpp"

#include <string.h>

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"

namespace chimera::wire {
namespace {

constexpr size_t kHeaderSize = 12;
constexpr size_t kLabelLimit = 63;
constexpr size_t kTextLimit = 253;     // of a name as text, without the final dot
constexpr size_t kNameLimit = 255;     // of a name in wire form, with the root's zero byte
constexpr int kJumpLimit = 64;
constexpr int kAliasLimit = 16;        // public chains have 2 to 5 links
constexpr unsigned kClassInternet = 1;
constexpr unsigned kTypeAlias = 5;     // CNAME

// The flag word of the header (RFC 1035 section 4.1.1).
constexpr unsigned kIsAnswer = 0x8000;
constexpr unsigned kOpcodeMask = 0x7800;
constexpr unsigned kTruncated = 0x0200;
constexpr unsigned kRecursionDesired = 0x0100;
constexpr unsigned kRcodeMask = 0x000f;

void put_u16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

// A name in lower-case wire form, without the root's zero byte.
struct Name {
  char text[kNameLimit];
  size_t size = 0;
  std::string_view view() const { return {text, size}; }
  bool append(std::string_view label);
};

// False when the name would get too long.
bool Name::append(std::string_view label) {
  if (size + 1 + label.size() >= kNameLimit) return false;
  text[size++] = static_cast<char>(label.size());
  for (const char c : label) text[size++] = to_lower(c);
  return true;
}

// Reads forward through a packet. Past the end reads give zeros and ok() turns false for good.
class Reader {
 public:
  Reader(std::string_view packet, size_t at) : packet_(packet), at_(at) {}
  bool ok() const { return ok_; }
  size_t at() const { return at_; }
  std::string_view bytes(size_t n);
  unsigned u16();
  uint32_t u32();
  Name name();

 private:
  unsigned u8();
  void jump(unsigned high, size_t& segment);

  std::string_view packet_;
  size_t at_;
  bool ok_ = true;
};

std::string_view Reader::bytes(size_t n) {
  if (n > packet_.size() - at_) ok_ = false;
  if (!ok_) return {};
  at_ += n;
  return packet_.substr(at_ - n, n);
}

unsigned Reader::u8() {
  const std::string_view b = bytes(1);
  return b.empty() ? 0 : static_cast<unsigned char>(b[0]);
}

unsigned Reader::u16() {
  const unsigned high = u8();
  return high << 8 | u8();
}

uint32_t Reader::u32() {
  const uint32_t high = u16();
  return high << 16 | u16();
}

// Follows a compression pointer whose first byte is `high`. It must lead to before the labels that
// it ends, which begin at `segment`.
void Reader::jump(unsigned high, size_t& segment) {
  const size_t target = (high & 0x3f) << 8 | u8();
  if (high < 0xc0 || target >= segment) ok_ = false;
  if (ok_) segment = at_ = target;
}

// Stands behind the name's own bytes afterwards, not behind what they point to.
Name Reader::name() {
  Name out;
  size_t behind = 0;           // where to go on, once we have jumped
  size_t segment = at_;
  int jumps = 0;
  for (unsigned n = u8(); n != 0 && ok_; n = u8()) {
    if (n > kLabelLimit) {
      if (behind == 0) behind = at_ + 1;
      if (++jumps > kJumpLimit) ok_ = false;
      jump(n, segment);
    } else if (!out.append(bytes(n))) {
      ok_ = false;
    }
  }
  if (ok_ && behind != 0) at_ = behind;
  return out;
}

struct Record {
  Name owner;
  unsigned type = 0;
  std::string_view data;
  Name alias;                  // what a CNAME points to
};

// One resource record (RFC 1035 section 4.1.3). False when it is malformed.
bool read_record(Reader& in, Record& r) {
  r.owner = in.name();
  r.type = in.u16();
  if (in.u16() != kClassInternet) r.type = 0;   // a type nobody asks for
  in.u32();                                     // the time to live: nothing is kept
  const unsigned size = in.u16();
  Reader inside = in;
  r.data = in.bytes(size);
  if (r.type != kTypeAlias) return in.ok();
  r.alias = inside.name();
  return in.ok() && inside.ok() && inside.at() == in.at();
}

Result<void> add_address(DnsAnswer& answer, const Record& r) {
  DnsAddress address;
  address.v6 = r.type == static_cast<unsigned>(DnsType::aaaa);
  if (r.data.size() != (address.v6 ? 16 : 4)) return fail(Errc::protocol, "DNS address");
  memcpy(address.ip, r.data.data(), r.data.size());
  if (answer.addresses.size() < kDnsAddressLimit) answer.addresses.push_back(address);
  return {};
}

// Adds the addresses of the asked name, following aliases in whatever order the records come.
// `records` are believed to stand at `start`.
Result<void> collect(DnsAnswer& answer, Reader start, unsigned records, std::string_view question) {
  Reader asked(question, 0);
  Name name = asked.name();
  const unsigned type = asked.u16();
  for (int links = 0; links <= kAliasLimit; ++links) {
    Name alias;
    Record r;
    Reader in = start;
    for (unsigned i = 0; i < records; ++i) {
      if (!read_record(in, r)) return fail(Errc::protocol, "DNS record");
      if (r.owner.view() != name.view()) continue;
      if (r.type == type) {
        CHI_TRY_VOID(add_address(answer, r));
      } else if (r.type == kTypeAlias) {
        alias = r.alias;
      }
    }
    if (alias.size == 0 || !answer.addresses.empty()) return {};
    name = alias;
  }
  return fail(Errc::protocol, "DNS alias chain");
}

// The next word of a line; false at its end or at a comment.
bool next_word(std::string_view& line, std::string_view& word) {
  line = trim_left(line);
  size_t n = 0;
  while (n < line.size() && !is_space(line[n])) ++n;
  word = line.substr(0, n);
  line.remove_prefix(n);
  return n > 0 && word[0] != '#' && word[0] != ';';
}

// "ndots:2": the number behind `key`, brought into [least, most]; otherwise `value` as it was.
int read_option(std::string_view word, std::string_view key, int least, int most, int value) {
  if (!word.starts_with(key)) return value;
  const Result<uint64_t> n = parse_u64(word.substr(key.size()));
  if (!n) return value;
  const int capped = static_cast<int>(std::min<uint64_t>(*n, static_cast<uint64_t>(most)));
  return std::max(least, capped);
}

void read_options(ResolvConf& conf, std::string_view line) {
  std::string_view word;
  while (next_word(line, word)) {
    const int seconds = static_cast<int>(conf.timeout / kSecond);
    conf.ndots = read_option(word, "ndots:", 0, 15, conf.ndots);
    conf.timeout = read_option(word, "timeout:", 1, 30, seconds) * kSecond;
    conf.attempts = read_option(word, "attempts:", 1, 5, conf.attempts);
  }
}

}  // namespace

Result<std::string> dns_query(uint16_t id, std::string_view name, DnsType type) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > kTextLimit) return fail(Errc::bad_input, "host name over 253 bytes");
  std::string out;
  put_u16(out, id);
  put_u16(out, kRecursionDesired);
  put_u16(out, 1);             // one question, no records
  out.append(kHeaderSize - out.size(), '\0');
  for (;;) {
    const size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (label.empty() || label.size() > kLabelLimit) return fail(Errc::bad_input, "host name");
    out += static_cast<char>(label.size());
    out += label;
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  out += '\0';
  put_u16(out, static_cast<unsigned>(type));
  put_u16(out, kClassInternet);
  return out;
}

Result<std::optional<DnsAnswer>> parse_dns_answer(std::string_view query,
                                                  std::string_view packet) {
  CHI_CHECK(query.size() > kHeaderSize + 4);
  // An answer repeats the question, byte for byte but for the case of its letters.
  const std::string_view question = query.substr(kHeaderSize);
  if (packet.size() < query.size() ||
      !iequals(packet.substr(kHeaderSize, question.size()), question)) {
    return std::nullopt;
  }
  Reader header(packet, 2);
  const unsigned flags = header.u16();
  const unsigned questions = header.u16();
  const unsigned records = header.u16();
  const bool ours = packet.starts_with(query.substr(0, 2)) && questions == 1 &&
                    (flags & kIsAnswer) != 0 && (flags & kOpcodeMask) == 0;
  if (!ours) return std::nullopt;

  DnsAnswer answer;
  answer.rcode = static_cast<int>(flags & kRcodeMask);
  answer.truncated = (flags & kTruncated) != 0;
  if (answer.rcode != 0 || answer.truncated) return answer;
  CHI_TRY_VOID(collect(answer, Reader(packet, query.size()), records, question));
  return answer;
}

std::vector<std::string_view> parse_hosts(std::string_view text, std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::vector<std::string_view> out;
  std::string_view line, address, word;
  while (next_line(text, line)) {
    line = line.substr(0, line.find('#'));
    if (!next_word(line, address)) continue;
    bool found = false;
    while (next_word(line, word)) found = found || iequals(word, name);
    if (found) out.push_back(address);
  }
  return out;
}

ResolvConf parse_resolv_conf(std::string_view text) {
  constexpr size_t kServers = 3, kSuffixes = 6;   // as resolv.conf(5) has them
  ResolvConf conf;
  std::string_view line, key, word;
  while (next_line(text, line)) {
    if (!next_word(line, key)) continue;
    if (key == "nameserver" && conf.nameservers.size() < kServers && next_word(line, word)) {
      conf.nameservers.push_back(word);
    } else if (key == "search" || key == "domain") {
      conf.search.clear();
      while (conf.search.size() < kSuffixes && next_word(line, word)) {
        if (word != ".") conf.search.push_back(word);
      }
    } else if (key == "options") {
      read_options(conf, line);
    }
  }
  return conf;
}

bool search_name(const ResolvConf& conf, std::string_view name, size_t index, std::string& out) {
  const bool absolute = name.ends_with('.');
  const size_t suffixes = absolute ? 0 : conf.search.size();
  if (index > suffixes) return false;
  const bool plain_first = std::count(name.begin(), name.end(), '.') >= conf.ndots;
  out = name;
  if (index == (plain_first ? 0 : suffixes)) return true;
  out += '.';
  out += conf.search[plain_first ? index - 1 : index];
  return true;
}

}  // namespace chimera::wire
