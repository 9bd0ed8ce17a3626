// One process without an environment, that starts no others.
#include "chimera/sys/process.hpp"

#include <stdlib.h>

#include "../machine.hpp"

namespace chimera::sys {

using vopr::machine;

int64_t peak_rss_kib() { return 1; }
Usage usage() { return {}; }
SystemInfo system_info() { return {"linux", "x86_64", "machine", "6.1.0"}; }
int64_t executable_bytes() { return 1; }

std::string_view env(const char*) { return {}; }
std::string home_folder(std::string_view) { return {}; }
const char* const* environment() {
  static constexpr const char* kNone[] = {nullptr};
  return kNone;
}
void set_variable(const char*) {}

Result<Child> Child::start_self(std::string_view) { return fail(Errc::unsupported, "child"); }
Result<Child> Child::start(const std::string&, std::string_view) {
  return fail(Errc::unsupported, "child");
}
Result<std::string> Child::read_line(Nanos) { return fail(Errc::closed, "child"); }
Result<int> Child::wait(Nanos) { return fail(Errc::closed, "child"); }
void Child::stop() {}

void catch_stop_signals(void (*on_stop)(void*), void* argument) {
  machine().on_stop = on_stop;
  machine().on_stop_argument = argument;
}
int stop_signal() { return machine().stop; }

void begin_program(int&, char**&) {}
Result<void> allow_handles(uint64_t) { return {}; }
bool is_terminal(int) { return false; }
int terminal_columns() { return 80; }
void exit_now(int code) { _Exit(code); }

}  // namespace chimera::sys
