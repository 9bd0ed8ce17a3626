// chimera completion SHELL and chimera man: the tables of --help in the languages of shells and of
// troff. Nothing is written down twice: what an option may be given is found out by trying the
// words of its help on its own setter.
#include "chimera/base/packed.hpp"
#include "chimera/base/text.hpp"
#include "chimera/base/words.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/layers.hpp"
#include "chimera/cli/presets.hpp"

namespace chimera::cli {
namespace {

std::string help_of(const Option& o) {
  std::string help;
  append_unpacked(help, o.help);
  return help;
}

bool names_a_file(const Option& o) {
  const std::string_view m = o.metavar == nullptr ? "" : o.metavar;
  return m.starts_with("FILE") || m.starts_with("DIR") || m.starts_with("PATH");
}

// " a b c ": the words among those of metavar and help that it takes. None when it takes any word.
std::string values_of(const Option& o) {
  std::string values = " ";
  const std::string_view name = o.name;
  if (name == "preset" || name == "presets") {
    for (const Preset& p : presets()) values.append(holds(p) ? p.name : "").append(" ");
  }
  const bool file = names_a_file(o);
  if (o.metavar == nullptr || file || takes_two(o) || takes(o, "nonsense")) return values;
  std::string word, text = o.metavar;
  for (const char c : text.append(" ").append(help_of(o)).append(" ")) {
    if (is_alpha(c) || is_digit(c) || c == '-') {
      word.push_back(c);
      continue;
    }
    const bool fits = !word.empty() && is_alpha(word[0]) && takes(o, word);
    word.push_back(' ');
    if (fits && values.find(" " + word) == values.npos) values.append(word);
    word.clear();
  }
  return values;
}

std::string names_of_commands() {
  std::string names;
  for (const Command& c : commands()) names.append(names.empty() ? "" : " ").append(c.name);
  return names;
}

// What may stand behind a command's name besides files: commands, shells.
std::string words_behind(const Command& c) {
  if (c.bit == kConfig) return names_of_commands();
  return std::string_view(c.synopsis).starts_with("bash") ? "bash zsh fish" : "";
}

// ---- bash ---------------------------------------------------------------------------------------

// COMP_WORDBREAKS has '=', so "--name=v" comes as three words.
constexpr const char* kBash =
    "_chimera() {\n"
    "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
    "  [[ $cur == = ]] && cur= || { [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}; }\n"
    "  COMPREPLY=()\n"
    "  case $COMP_CWORD,${COMP_WORDS[1]},$prev in\n"
    "    1,*|2,help,*) words='%s help' ;;\n";

// zsh runs the same, but takes a script of its own for it. Installed as a function of zsh, the
// script is read by the first completion, which has to have an answer too.
std::string bash(bool for_zsh) {
  std::string s = for_zsh ? "#compdef chimera\nautoload -Uz bashcompinit && bashcompinit\n" : "";
  compose(s, kBash, {names_of_commands()});
  for (const Command& c : commands()) {
    for (const Option& o : options_of(c.bit)) {
      if (o.metavar == nullptr || value_optional(o)) continue;
      compose(s, "    *,%s,--%s", {c.name, o.name});
      const char letter[] = {o.letter, 0};
      if (o.letter != 0) compose(s, "|*,%s,-%s", {c.name, letter});
      compose(s, ") words='%s' ;;\n", {values_of(o)});
    }
    compose(s, "    *,%s,*) words='%s", {c.name, words_behind(c)});
    for (const Option& o : options_of(c.bit)) compose(s, " --%s", {o.name});
    s.append(" --help' ;;\n");
  }
  s.append(
      "  esac\n"
      "  [[ $cur == -* ]] || words=${words%% --*}\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "}\n"
      "complete -o default -F _chimera chimera\n");
  if (for_zsh) {
    s.append("[[ ${funcstack[1]} != _chimera ]] || _bash_complete -o default -F _chimera\n");
  }
  return s;
}

// ---- fish ---------------------------------------------------------------------------------------

// `text` with its quotes and backslashes, between single quotes.
void append_description(std::string& out, std::string_view text) {
  out.append(" -d '");
  for (const char c : text) {
    if (c == '\'' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.append("'\n");
}

std::string fish() {
  std::string s;
  s.append("set -l command complete -c chimera -n __fish_use_subcommand -f -a\n$command help\n");
  for (const Command& c : commands()) {
    compose(s, "$command %s", {c.name});
    append_description(s, c.summary);
    compose(s, "set -l option complete -c chimera -n '__fish_seen_subcommand_from %s'\n", {c.name});
    const std::string words = words_behind(c);
    if (!words.empty()) compose(s, "$option -f -a '%s'\n", {words});
    for (const Option& o : options_of(c.bit)) {
      compose(s, "$option -l %s", {o.name});
      const char letter[] = {o.letter, 0};
      if (o.letter != 0) compose(s, " -s %s", {letter});
      if (names_a_file(o)) {
        s.append(" -r -F");
      } else if (o.metavar != nullptr && !value_optional(o)) {
        compose(s, " -x -a '%s'", {values_of(o)});
      }
      append_description(s, help_of(o));
    }
  }
  return s;
}

// ---- troff --------------------------------------------------------------------------------------

// Each line as it is: no control line, no hyphens for minus signs.
void append_troff(std::string& out, std::string_view text) {
  constexpr std::string_view kMarked = "-`\\'^~";
  constexpr const char* kSpelled[] = {"\\-", "\\`", "\\e", "\\(aq", "\\(ha", "\\(ti"};
  bool begins = true;
  for (const char c : text) {
    if (begins && c == '.') out.append("\\&");
    begins = c == '\n';
    const size_t i = kMarked.find(c);
    i != kMarked.npos ? (void)out.append(kSpelled[i]) : out.push_back(c);
  }
}

void append_option(std::string& out, const Option& o) {
  std::string left = "--", help = help_of(o);
  if (o.letter != 0) left.insert(0, ", ").insert(0, 1, o.letter).insert(0, "-");
  left.append(o.name).append(o.metavar == nullptr || value_optional(o) ? "" : " ");
  append_troff(out.append(".TP\n.B "), left.append(o.metavar == nullptr ? "" : o.metavar));
  append_troff(out.append("\n"), help.empty() ? "likewise" : help);
  out.push_back('\n');
}

// Text that is laid out already: lines at its left edge in capitals are headings.
void append_layout(std::string& out, std::string_view text) {
  out.append(".nf\n");
  for (std::string_view line; next_line(text, line);) {
    const bool heading = line.size() > 1 && line[0] >= 'A' && line[0] <= 'Z' && line[1] >= 'A' &&
                         line[1] <= 'Z' && text.starts_with("  ");
    out.append(heading ? ".B \"" : "");
    append_troff(out, line);
    out.append(heading ? "\"\n" : "\n");
  }
  out.append(".fi\n");
}

std::string man() {
  std::string s = ".TH CHIMERA 1 \"\" \"chimera ";
  append_troff(s.append(version()).append("\" \"User Commands\"\n.SH NAME\n"),
               "chimera - LLM agents, their reports and their measurement, in one small file\n");
  s.append(".SH SYNOPSIS\n.nf\n");
  for (const Command& c : commands()) {
    s.append("chimera ").append(c.name).append(" ");
    append_troff(s, c.synopsis);
    s.append("\n");
  }
  s.append(".fi\n");
  for (const Command& c : commands()) {
    s.append(".SH \"chimera ").append(c.name).append("\"\n");
    append_troff(s, c.summary);
    s.append("\n");
    for (const Option& o : options_of(c.bit)) append_option(s, o);
    std::string details;
    append_unpacked(details, c.details);
    append_layout(s, details);
  }
  append_layout(s.append(".SH \"EXIT STATUS\"\n"), exit_codes());
  return s;
}

int usage(const char* words) {
  say(words);
  return 2;
}

}  // namespace

int man_command(Settings& s) {
  if (!s.positional.empty()) return usage("man takes no arguments: see chimera man --help");
  return print(man());
}

int completion_command(Settings& s) {
  const std::string_view shell = s.positional.size() == 1 ? s.positional[0] : std::string_view();
  if (shell == "bash" || shell == "zsh") return print(bash(shell == "zsh"));
  if (shell == "fish") return print(fish());
  return usage("completion takes bash, zsh or fish: see chimera completion --help");
}

}  // namespace chimera::cli
