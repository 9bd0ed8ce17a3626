#include "report.hpp"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "chimera/base/number.hpp"

namespace chimera::vopr {
namespace {

uint64_t g_seed = 0;
std::string* g_scenario = new std::string;
bool g_violated = false;

void print(const char* kind, std::string_view what) {
  std::string line = "seed ";
  append_u64(line, g_seed);
  line.append(": ").append(kind).append(what).append("\n  ").append(*g_scenario).append("\n");
  [[maybe_unused]] const ssize_t n = write(STDOUT_FILENO, line.data(), line.size());
}

// Of the processor: other programs may have it for long.
void allow_seconds(int n) {
  const itimerval limit{{0, 0}, {n, 0}};
  setitimer(ITIMER_VIRTUAL, &limit, nullptr);
}

// Allocates, which a handler should not: what comes of it is a lost line at worst, and the alarm
// ends that.
void on_crash(int number) {
  signal(SIGVTALRM, SIG_DFL);
  allow_seconds(2);
  fatal(number == SIGVTALRM ? "10 s of the processor: an endless loop"
        : number == SIGABRT ? "aborted (a failed check; see the line before)"
                            : strsignal(number));
}

}  // namespace

void set_scenario(uint64_t seed, std::string scenario) {
  g_seed = seed;
  *g_scenario = std::move(scenario);
  g_violated = false;
  allow_seconds(10);
}

const std::string& scenario() { return *g_scenario; }
bool has_violations() { return g_violated; }

void violated(std::string_view what) {
  if (!g_violated) print("VIOLATED ", what);
  g_violated = true;
}

void fatal(std::string_view what) {
  print("FATAL ", what);
  _exit(kFatal);
}

void catch_crashes() {
  static char stack[64 * 1024];
  const stack_t other{.ss_sp = stack, .ss_flags = 0, .ss_size = sizeof stack};
  sigaltstack(&other, nullptr);
  struct sigaction action = {};
  action.sa_handler = on_crash;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  for (const int s : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGVTALRM}) {
    sigaction(s, &action, nullptr);
  }
}

}  // namespace chimera::vopr
