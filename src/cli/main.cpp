// chimera: one file, several commands. From here: find_command -> Layers -> the command's main in
// src/cli/<command>.cpp.
#include "chimera/base/text.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/layers.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"

namespace chimera::cli {
namespace {

// --color is the only option that counts beside --help.
bool bold_headings(std::span<char* const> arguments) {
  constexpr std::string_view kColor = "--color";
  std::string_view color = sys::env("CHIMERA_COLOR");
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view a = arguments[i];
    if (a == kColor && i + 1 < arguments.size()) color = arguments[i + 1];
    if (a.starts_with("--color=")) color = a.substr(kColor.size() + 1);
  }
  if (rt::kMinimal || color == "never" || !sys::is_terminal(1)) return false;
  if (color == "always") return true;
  const std::string_view force = sys::env("CLICOLOR_FORCE");
  return sys::env("NO_COLOR").empty() &&
         (sys::env("TERM") != "dumb" || (!force.empty() && force != "0"));
}

// Headings are in capitals, behind an empty line and in front of an indented one.
int print_help(std::string_view text, std::span<char* const> arguments) {
  if (!bold_headings(arguments)) return print(text);
  std::string out;
  bool behind_empty = false;
  for (std::string_view line; next_line(text, line);) {
    const bool bold = behind_empty && text.starts_with("  ") && line.size() > 1 && line[1] >= 'A' &&
                      line[1] <= 'Z';
    out.append(bold ? "\x1b[1m" : "").append(line).append(bold ? "\x1b[0m\n" : "\n");
    behind_empty = line.empty();
  }
  return print(out);
}

int no_such_command(std::string_view name) {
  std::string words(name);
  if (name.starts_with('-')) {
    words.append(": the command comes first");
  } else {
    words.insert(0, "no such command: ").append(did_you_mean("", nearest_command(name)));
  }
  say(with_help(std::move(words), ""));
  return 2;
}

bool wants_help(std::string_view a) { return a == "-h" || a == "--help"; }

int start(std::span<char* const> arguments) {
  if (arguments.empty()) {
    (void)sys::write_stream(sys::Stream::err, help_text());
    return 2;
  }
  std::string_view name = arguments[0];
  arguments = arguments.subspan(1);
  if (name == "help" && !arguments.empty()) {
    name = arguments[0];
    const Command* about = find_command(name);
    if (about != nullptr) return print_help(help_text(*about), arguments);
    if (!name.starts_with('-')) return no_such_command(name);
    name = "help";
  }
  if (wants_help(name) || name == "help") return print_help(help_text(), arguments);
  if (name == "-V" || name == "--version" || name == "version") {
    return print(std::string("chimera ").append(version()).append("\n"));
  }
  const Command* command = find_command(name);
  if (command == nullptr) return no_such_command(name);
  for (char* a : arguments) {
    if (std::string_view(a) == "--") break;
    if (wants_help(a)) return print_help(help_text(*command), arguments);
  }
  Settings settings;
  if (!rt::kMinimal && command->bit == kConfig) return config_main(arguments, settings);
  Layers layers(command->bit);
  // The minimal binary has the command line alone; what writes scripts needs no settings.
  const bool alone = rt::kMinimal || command->bit == kCompletion;
  Result<void> parsed = alone ? layers.read_arguments(arguments, settings)
                              : layers.read_all(arguments, settings);
  if (parsed) parsed = layers.apply(settings);
  if (!parsed) {
    const bool usage = parsed.error().code == Errc::usage;
    say(usage ? with_help(layers.what, command->name) : layers.what);
    return exit_code(parsed.error());
  }
  for (const std::string& w : layers.warnings) {
    if (!settings.quiet) say("warning: " + w);
  }
  // Whom we start gets all that counts as arguments.
  sys::set_variable("CHIMERA_NO_CONFIG=all");
  return command->main(settings);
}

}  // namespace
}  // namespace chimera::cli

int main(int argc, char** argv) {
  chimera::sys::begin_program(argc, argv);
  const auto count = static_cast<size_t>(argc > 0 ? argc - 1 : 0);
  return chimera::cli::start(std::span<char* const>(argv + (argc > 0), count));
}
