#include <string.h>

#include "chimera/base/packed.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/presets.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/sim/settings.hpp"

#ifndef CHIMERA_VERSION
#define CHIMERA_VERSION "0.1.0"
#endif

namespace chimera::cli {
namespace {

constexpr size_t kColumn = 30;      // where the help of an option begins
constexpr size_t kWidth = 80;

// `text` from column kColumn on, wrapped at blanks.
void append_wrapped(std::string& out, std::string_view text) {
  size_t column = kColumn;
  while (!text.empty()) {
    const size_t blank = text.find(' ');
    const std::string_view word = text.substr(0, blank);
    if (column + word.size() > kWidth && column > kColumn) {
      out.back() = '\n';
      out.append(kColumn, ' ');
      column = kColumn;
    }
    out.append(word).push_back(' ');
    column += word.size() + 1;
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
  }
  out.back() = '\n';
}

// "  name      help", wrapped. The help may be packed.
void append_entry(std::string& out, std::string left, const char* help) {
  if (left.size() + 2 > kColumn) {
    out.append(left).push_back('\n');
    left.clear();
  }
  left.resize(kColumn, ' ');
  std::string plain;
  append_unpacked(plain, help);
  append_wrapped(out.append(left), plain);
}

void append_option(std::string& out, char letter, const char* name, const char* metavar,
                   const char* help) {
  std::string left = "  ";
  if (letter != 0) {
    left.append("-").push_back(letter);
    left.append(", ");
  } else {
    left.append("    ");
  }
  left.append("--").append(name);
  if (metavar != nullptr) left.append(metavar[0] == '[' ? "" : " ").append(metavar);
  if (*help == 0) {
    out.append(left).push_back('\n');
    return;
  }
  append_entry(out, std::move(left), help);
}

void append_options(std::string& out, Commands command, uint32_t rare) {
  for (const Option& o : options()) {
    const bool here = (o.commands & command) != 0 && (o.commands & kRare) == rare;
    if (here) append_option(out, o.letter, o.name, o.metavar, o.help);
  }
}

constexpr std::string_view kCodes =
    "  0 ok; 1 part of the work failed; 2 usage; 3 regressed; 6 cannot resolve; 7\n"
    "  cannot connect; 18 truncated stream; 22 HTTP error status; 28 a deadline\n"
    "  fired; 56 reset or bad framing; 65 bad input data; 69 model not there; 74\n"
    "  cannot write; 75 busy (429/503); 77 auth refused; 78 bad config; 99 a bound\n"
    "  exceeded; 130/143 interrupted; 141 output closed. When nothing succeeded the\n"
    "  code is never 0.\n";

// A minimal binary has few of the commands.
struct Example {
  const char *needs, *line;
};
constexpr Example kExamples[] = {
    {"run", "  chimera run notes/ -u http://desk:11434     two agents read notes/ and report\n"},
    {"sim", "  chimera run notes/ --sim                    the same without a model server\n"},
    {"ask", "  chimera ask why is the sky blue             the answer, as it comes\n"},
    {"map", "  chimera map < lines.txt > answers.ndjson    an answer for each line\n"},
    {"sim", "  chimera sim --port 11434 --rate 40          a server to try things on\n"},
};

}  // namespace

std::string_view exit_codes() { return kCodes; }

const char* version() { return CHIMERA_VERSION; }

std::string help_text() {
  std::string s =
      "chimera - LLM agents, their reports and their measurement, in one small file\n\n"
      "USAGE\n  chimera COMMAND [OPTIONS]\n\nCOMMANDS\n";
  for (const Command& c : commands()) {
    s.append("  ").append(c.name);
    s.append(12 - strlen(c.name), ' ').append(c.summary).push_back('\n');
  }
  s.append("\nEXAMPLES\n");
  for (const Example& e : kExamples) {
    if (find_command(e.needs) != nullptr) s.append(e.line);
  }
  s.append(
      "\nchimera COMMAND --help tells the rest. -V, --version prints the version. Any\n"
      "option can be set as CHIMERA_OPTION in the environment, or in a file");
  s.append(find_command("config") != nullptr ? ": see\nchimera config --help.\n" : ".\n");
  return s;
}

std::string help_text(const Command& c) {
  std::string s = "chimera ";
  s.append(c.name).append(" - ").append(c.summary);
  s.append("\n\nUSAGE\n  chimera ")
      .append(c.name)
      .append(" ")
      .append(c.synopsis)
      .append("\n\nOPTIONS\n");
  append_options(s, c.bit, 0);
  if (!rt::kMinimal && c.bit == kSim) {
    for (const sim::Key& k : sim::keys()) append_option(s, 0, k.name, k.metavar, k.help);
    s.append("\nFAULTS (--fault KIND:PROBABILITY@POSITION; the first to strike counts)\n");
    for (const sim::FaultHelp& f : sim::fault_help()) {
      append_entry(s, std::string("  ") + f.name, f.help);
    }
  }
  if (!s.ends_with("\nOPTIONS\n")) s.append("\nOTHER OPTIONS\n");
  append_options(s, c.bit, kRare);
  append_option(s, 'h', "help", nullptr, "this text");
  if ((c.bit & kClient) != 0) {
    s.append("\nPRESETS (--preset NAME; a flag counts more, wherever it stands)\n");
    for (const Preset& p : presets()) {
      if (!holds(p)) continue;
      const std::string words = knobs_of(p) + ": " + p.stands_for;
      append_entry(s, std::string("  ") + p.name, words.c_str());
    }
    if (rt::kOneRuntime) append_entry(s, "  (none)", knobs_of(default_knobs()).c_str());
  }
  if ((c.bit & (kIngest | kStats)) == 0) {
    s.append(
        "\nTIME is 500us, 80ms, 5s, 2m or 1h; a bare number is seconds. BYTES may end\n"
        "in k or m (1k = 1024).\n");
  }
  append_unpacked(s, c.details);
  return s.append("\nEXIT CODES\n").append(kCodes);
}

}  // namespace chimera::cli
