#include "selftest_report.hpp"

#include "chimera/base/number.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::cli {
namespace {

double to_us(Nanos n) { return static_cast<double>(n) / 1e3; }

// A sentence in pieces: no temporary strings, which cost more code than they say.
class Words {
 public:
  explicit Words(std::string& out) : out_(out) {}
  Words& operator<<(const char* text) {
    out_.append(text);
    return *this;
  }
  Words& operator<<(uint64_t n) {
    append_u64(out_, n);
    return *this;
  }
  Words& us(Nanos n) {
    append_fixed(out_, to_us(n), 1);
    return *this << " us";
  }
  Words& ms(Nanos n) {
    append_fixed(out_, to_ms(n), 3);
    return *this << " ms";
  }

 private:
  std::string& out_;
};

// What was appended behind `from` becomes a column, right-aligned, with a blank before it.
void align(std::string& line, size_t from, size_t width) {
  const size_t used = line.size() - from;
  line.insert(from, used < width ? width - used : 1, ' ');
}
void column(std::string& line, size_t width, double value, int decimals) {
  const size_t from = line.size();
  append_fixed(line, value, decimals);
  align(line, from, width);
}
void column(std::string& line, size_t width, uint64_t n) {
  column(line, width, static_cast<double>(n), 0);
}

// ---- sentences ----------------------------------------------------------------------------------

// The first cell of each rate that shows it.
void append_withholding(std::string& s, const Report& r) {
  const Cell* last = nullptr;
  for (const CellResult& c : r.cells) {
    const Preset* const p = c.cell.preset;
    if (c.figures.ttft_predicted == 0 || c.figures.saturated) continue;
    if (last != nullptr && last->preset == p && last->rate == c.cell.rate) continue;
    last = &c.cell;
    Words w(s);
    w << p->name << " withholds " << p->coalesce << " bytes: at " << c.cell.rate;
    w << " tok/s its TTFT reads ";
    w.ms(c.figures.ttft_error.p50) << " too much; predicted, (ceil(" << p->coalesce;
    w << "/line) - 1)/rate: ";
    w.ms(c.figures.ttft_predicted) << "\n";
  }
}

std::string read_size_sentence(const ReadSizes& r) {
  const Comparison& c = r.comparison;
  std::string s;
  Words w(s);
  w << "read size makes " << (c.differ ? "a" : "no") << " difference at " << r.rate;
  w << " tok/s: smol-1kb and smol deliver a token in ";
  w.us(c.a) << " and ";
  w.us(c.b) << " (medians of " << r.small.size() << " blocks each); the difference, ";
  w.us(c.difference) << ", is " << (c.differ ? "larger than" : "within");
  w << " the range of one preset's own blocks, ";
  w.us(c.spread);
  return s;
}

struct Verdict {
  uint64_t failed = 0, saturated = 0, tokens = 0, lost = 0;
};

Verdict verdict_of(const Report& r) {
  Verdict v;
  for (const CellResult& c : r.cells) {
    v.failed += !c.faults.empty();
    v.saturated += c.figures.saturated;
    v.tokens += c.figures.sent;
    v.lost += c.figures.lost;
  }
  return v;
}

// ---- JSON ---------------------------------------------------------------------------------------

using Json = wire::JsonWriter;

void write_spread(Json& j, const char* name, const Spread& s, double unit) {
  j.key(name).begin_object().field("p50", static_cast<double>(s.p50) / unit);
  j.field("p99", static_cast<double>(s.p99) / unit);
  j.field("max", static_cast<double>(s.max) / unit).end_object();
}

void write_cell(Json& j, const CellResult& c) {
  const Preset& p = *c.cell.preset;
  const CellFigures& f = c.figures;
  j.begin_object().field("preset", p.name).field("runtime", rt::name_of(p.kind));
  j.field("permits", p.permits).field("read_size", uint64_t{p.read_size});
  j.field("coalesce", uint64_t{p.coalesce}).field("rate", uint64_t{c.cell.rate});
  j.field("streams", uint64_t{c.cell.streams}).field("streams_run", f.ran);
  j.field("streams_failed", f.failed).field("texts_wrong", f.wrong_texts);
  j.field("tokens_per_stream", uint64_t{c.cell.tokens}).field("tokens_sent", f.sent);
  j.field("tokens_received", f.received).field("tokens_lost", f.lost);
  j.field("reads", f.reads).field("events_per_read", f.events_per_read());
  write_spread(j, "ttft_truth_ms", f.ttft_truth, 1e6);
  write_spread(j, "ttft_error_ms", f.ttft_error, 1e6);
  j.field("ttft_error_predicted_ms", to_ms(f.ttft_predicted));
  j.field("ttft_error_unexplained_ms", to_ms(f.ttft_excess));
  write_spread(j, "delay_us", f.delay, 1e3);
  write_spread(j, "delay_unexplained_us", f.excess, 1e3);
  write_spread(j, "simulator_late_us", f.lateness, 1e3);
  j.field("saturated", f.saturated).field("faults", c.faults).end_object();
}

void write_blocks(Json& j, const char* name, const std::vector<Nanos>& blocks) {
  j.key(name).begin_array();
  for (const Nanos n : blocks) j.number(to_us(n));
  j.end_array();
}

void write_read_sizes(Json& j, const ReadSizes& r) {
  j.key("read_size");
  if (!r.measured()) {
    j.null();
    return;
  }
  j.begin_object().field("rate", uint64_t{r.rate}).field("streams", uint64_t{r.streams});
  write_blocks(j, "smol_1kb_delay_us", r.small);
  write_blocks(j, "smol_delay_us", r.large);
  j.field("difference_us", to_us(r.comparison.difference));
  j.field("spread_us", to_us(r.comparison.spread)).field("differ", r.comparison.differ);
  j.field("sentence", read_size_sentence(r)).end_object();
}

}  // namespace

std::string name_of(const Cell& cell) {
  std::string s;
  Words w(s);
  w << cell.preset->name << " at " << cell.rate << " tok/s, " << cell.streams << " streams";
  return s;
}

std::string table_head() {
  return "                                                        TTFT error, ms"
         "               delay, us             sim late, us\n"
         "preset             tok/s  streams   tokens lost ev/read     p50 predicted"
         "       p50       p99       max       p50       p99\n";
}

std::string table_line(const CellResult& c) {
  const CellFigures& f = c.figures;
  std::string s = c.cell.preset->name;
  column(s, 24 - s.size(), c.cell.rate);
  const size_t from = s.size();
  append_u64(s, f.ran);
  if (f.ran != c.cell.streams) Words(s) << "/" << c.cell.streams;
  align(s, from, 9);
  column(s, 9, f.received);
  column(s, 5, f.lost);
  column(s, 8, f.events_per_read(), 2);
  column(s, 8, to_ms(f.ttft_error.p50), 3);
  column(s, 10, to_ms(f.ttft_predicted), 3);
  for (const Nanos n : {f.delay.p50, f.delay.p99, f.delay.max, f.lateness.p50, f.lateness.p99}) {
    column(s, 10, to_us(n), 1);
  }
  const char* const note = !c.faults.empty() ? "  FAILED" : f.saturated ? "  saturated" : "";
  return s.append(note).append("\n");
}

std::string report_text(const Report& r) {
  std::string s = "\n";
  append_withholding(s, r);
  if (r.read_sizes.measured()) s.append(read_size_sentence(r.read_sizes)).append("\n");
  const Verdict v = verdict_of(r);
  Words w(s);
  w << r.cells.size() << " cells, " << v.tokens << " tokens, " << v.lost << " lost; ";
  w << v.saturated << " cells saturated (the simulator itself was late: their delay is not the ";
  w << "client's); ";
  w << r.cells.size() - v.failed << " within the bounds";
  w << (r.interrupted ? "; interrupted\n" : "\n");
  return s;
}

std::string report_json(const Report& r) {
  std::string out;
  Json j(out, Json::Style::pretty);
  const Verdict v = verdict_of(r);
  j.begin_object().field("schema", "chimera.selftest/1").field("version", version());
  j.field("cell_time_ms", to_ms(r.cell_time)).key("cells").begin_array();
  for (const CellResult& c : r.cells) write_cell(j, c);
  j.end_array();
  write_read_sizes(j, r.read_sizes);
  j.key("bounds").begin_object().field("ttft_error_ms", to_ms(r.bounds.ttft_error));
  j.field("delay_p50_us", to_us(r.bounds.delay_p50));
  j.field("delay_p99_us", to_us(r.bounds.delay_p99));
  j.field("saturated_above_us", to_us(kSaturated)).end_object();
  j.key("verdict").begin_object().field("ok", v.failed == 0 && !r.interrupted);
  j.field("cells", uint64_t{r.cells.size()}).field("failed", v.failed);
  j.field("saturated", v.saturated).field("tokens", v.tokens).field("lost", v.lost);
  j.field("interrupted", r.interrupted).end_object();
  j.end_object();
  return out.append("\n");
}

}  // namespace chimera::cli
