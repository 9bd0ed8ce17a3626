// chimera: one file, several commands. From here: find_command -> parse_arguments -> the command's
// main in src/cli/<command>.cpp.
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"

namespace chimera::cli {
namespace {

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
    if (about != nullptr) return print(help_text(*about));
  }
  if (wants_help(name) || name == "help") return print(help_text());
  if (name == "-V" || name == "--version" || name == "version") {
    return print(std::string("chimera ").append(version()).append("\n"));
  }
  const Command* command = find_command(name);
  if (command == nullptr) {
    say(std::string("no such command: ").append(name).append(": see chimera --help"));
    return 2;
  }
  for (char* a : arguments) {
    if (std::string_view(a) == "--") break;
    if (wants_help(a)) return print(help_text(*command));
  }
  Settings settings;
  std::string what;
  const auto parsed = parse_arguments(command->bit, arguments, settings, what);
  if (!parsed) {
    const bool usage = parsed.error().code == Errc::usage;
    if (usage) what.append(": see chimera ").append(command->name).append(" --help");
    say(what);
    return exit_code(parsed.error());
  }
  return command->main(settings);
}

}  // namespace
}  // namespace chimera::cli

int main(int argc, char** argv) {
  chimera::sys::secure_streams();
  const auto count = static_cast<size_t>(argc > 0 ? argc - 1 : 0);
  return chimera::cli::start(std::span<char* const>(argv + (argc > 0), count));
}
