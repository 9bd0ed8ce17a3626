// chimera completion SHELL and chimera man: the tables of --help in the languages of shells and of
// troff. Nothing is written down twice: what an option may be given is found out by trying the words
// of its help on its own setter.
#include "chimera/base/packed.hpp"
#include "chimera/base/text.hpp"
#include "chimera/base/words.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/layers.hpp"
#include "chimera/cli/presets.hpp"

namespace chimera::cli {
namespace {

constexpr const char* kShells[] = {"bash", "zsh", "fish"};

std::string help_of(const Option& o) {
  std::string help;
  append_unpacked(help, o.help);
  return help;
}

bool names_a_file(const Option& o) {
  const std::string_view m = o.metavar == nullptr ? "" : o.metavar;
  return m.starts_with("FILE") || m.starts_with("DIR") || m.starts_with("PATH");
}

bool takes(const Option& o, std::string_view value) {
  Settings scratch;
  return o.set(scratch, o, value).has_value();
}

// "a b c": the words among those of metavar and help that it takes. None when it takes any word.
std::string values_of(const Option& o) {
  std::string values;
  const std::string_view name = o.name;
  if (name == "preset" || name == "presets") {
    for (const Preset& p : presets()) values.append(" ").append(holds(p) ? p.name : "");
  }
  if (o.metavar == nullptr || names_a_file(o) || takes_two(o) || takes(o, "nonsense")) return values;
  std::string word;
  for (const char c : std::string(o.metavar) + " " + help_of(o) + " ") {
    if (is_alpha(c) || is_digit(c) || c == '-') {
      word.push_back(c);
      continue;
    }
    const bool fits = !word.empty() && is_alpha(word[0]) && takes(o, word);
    word.insert(0, " ");
    if (fits && (values + " ").find(word + " ") == values.npos) values.append(word);
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

// `text` between single quotes of a shell, with a backslash in front of what is in `marked`.
void append_word(std::string& out, std::string_view text, std::string_view marked) {
  for (const char c : text) {
    if (c == '\'') {
      out.append("'\\'");
    } else if (marked.find(c) != marked.npos) {
      out.push_back('\\');
    }
    out.push_back(c);
  }
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

std::string bash() {
  std::string s;
  compose(s, kBash, {names_of_commands()});
  for (const Command& c : commands()) {
    for (const Option& o : options_of(c.bit)) {
      const std::string values = values_of(o);
      if (o.metavar == nullptr || value_optional(o)) continue;
      compose(s, "    *,%s,--%s", {c.name, o.name});
      const char letter[] = {o.letter, 0};
      if (o.letter != 0) compose(s, "|*,%s,-%s", {c.name, letter});
      compose(s, ") words='%s' ;;\n", {values});
    }
  }
  for (const Command& c : commands()) {
    compose(s, "    *,%s,*) words='%s", {c.name, words_behind(c)});
    for (const Option& o : options_of(c.bit)) compose(s, " --%s", {o.name});
    s.append(" --help' ;;\n");
  }
  return s.append(
      "  esac\n"
      "  if [[ $cur == -* || $words != *' --'* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -W \"${words%% --*}\" -- \"$cur\"))\n"
      "  fi\n"
      "}\n"
      "complete -o default -F _chimera chimera\n");
}

// ---- zsh ----------------------------------------------------------------------------------------

std::string zsh() {
  std::string s =
      "#compdef chimera\n"
      "_chimera() {\n"
      "  local -a c\n"
      "  if (( CURRENT == 2 )); then\n"
      "    c=(";
  for (const Command& c : commands()) {
    s.append("'").append(c.name).append(":");
    append_word(s, c.summary, ":\\");
    s.append("'\n      ");
  }
  s.append(
      "'help:what a command takes')\n"
      "    _describe command c\n"
      "    return\n"
      "  fi\n"
      "  shift words; (( CURRENT-- ))\n"
      "  case $words[1] in\n");
  for (const Command& c : commands()) {
    s.append("    ").append(c.name).append(") _arguments -s");
    for (const Option& o : options_of(c.bit)) {
      // One entry a spelling: "-m+" may have its value joined, "--model=" behind '=' or next.
      for (int form = o.letter != 0 ? 0 : 1; form < 2; ++form) {
        s.append(" \\\n      '*-").push_back(form == 0 ? o.letter : '-');
        if (form == 1) s.append(o.name);
        const bool value = o.metavar != nullptr;
        if (value) s.append(form == 0 ? "+" : value_optional(o) ? "=-" : "=");
        s.append("[");
        append_word(s, help_of(o), "[]\\");
        s.append("]");
        if (!value) {
          s.append("'");
          continue;
        }
        s.append(value_optional(o) ? "::" : ":");
        append_word(s, o.metavar, ":\\");
        s.append(names_a_file(o) ? ":_files'" : ":(");
        if (!names_a_file(o)) s.append(values_of(o)).append(")'");
      }
    }
    const std::string words = words_behind(c);
    s.append(" '--help[this text]' '*: :");
    s.append(words.empty() ? "_files'" : "(" + words + ")'").append(" ;;\n");
  }
  return s.append("    help) _arguments '1: :(")
      .append(names_of_commands())
      .append(")' ;;\n  esac\n}\n_chimera \"$@\"\n");
}

// ---- fish ---------------------------------------------------------------------------------------

std::string fish() {
  std::string s = "complete -c chimera -n __fish_use_subcommand -f -a help\n";
  for (const Command& c : commands()) {
    compose(s, "complete -c chimera -n __fish_use_subcommand -f -a %s -d '", {c.name});
    append_word(s, c.summary, "\\");
    s.append("'\n");
    const std::string words = words_behind(c);
    const std::string seen =
        std::string("complete -c chimera -n '__fish_seen_subcommand_from ").append(c.name) + "'";
    if (!words.empty()) compose(s, "%s -f -a '%s'\n", {seen, words});
    for (const Option& o : options_of(c.bit)) {
      compose(s, "%s -l %s", {seen, o.name});
      const char letter[] = {o.letter, 0};
      if (o.letter != 0) compose(s, " -s %s", {letter});
      const std::string values = values_of(o);
      if (names_a_file(o)) {
        s.append(" -r -F");
      } else if (o.metavar != nullptr && !value_optional(o)) {
        compose(s, " -x -a '%s'", {values});
      }
      s.append(" -d '");
      append_word(s, help_of(o), "\\");
      s.append("'\n");
    }
  }
  return s;
}

// ---- troff --------------------------------------------------------------------------------------

// Each line as it is: no control line, no hyphens for minus signs.
void append_troff(std::string& out, std::string_view text) {
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out.append("\\&");
    begins = c == '\n';
    if (c == '\\') {
      out.append("\\e");
    } else {
      if (c == '-' || c == '\'' || c == '`' || c == '^' || c == '~') out.append("\\");
      c == '\'' ? (void)out.append("(aq")
      : c == '^' ? (void)out.append("(ha")
      : c == '~' ? (void)out.append("(ti")
                 : out.push_back(c);
    }
  }
}

void append_option(std::string& out, char letter, std::string_view name, const char* metavar,
                   std::string_view help) {
  out.append(".TP\n.B ");
  if (letter != 0) out.append("\\-").push_back(letter);
  if (letter != 0) out.append(", ");
  append_troff(out, "--");
  append_troff(out, name);
  if (metavar != nullptr) out.append(metavar[0] == '[' ? "" : " ");
  append_troff(out, metavar == nullptr ? "" : metavar);
  out.append("\n");
  append_troff(out, help.empty() ? "likewise" : help);
  out.append("\n");
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
    for (const Option& o : options_of(c.bit)) {
      append_option(s, o.letter, o.name, o.metavar, help_of(o));
    }
    append_option(s, 'h', "help", nullptr, "this text");
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
  return s.positional.empty() ? print(man()) : usage("man takes no arguments: see chimera man --help");
}

int completion_command(Settings& s) {
  std::string (*const kWriters[])() = {bash, zsh, fish};
  for (size_t i = 0; s.positional.size() == 1 && i < std::size(kShells); ++i) {
    if (s.positional[0] == kShells[i]) return print(kWriters[i]());
  }
  return usage("completion takes bash, zsh or fish: see chimera completion --help");
}

}  // namespace chimera::cli
