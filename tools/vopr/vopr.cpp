// chimera-vopr: the whole program in a made-up world, once for each seed.
//
//   chimera-vopr SEED            one, told in detail
//   chimera-vopr FIRST..LAST     each of them, in --jobs N processes; what fails is told
//   --twice                      each a second time: it has to go the same way, turn for turn
//
// Exit code 0 when nothing was found, 1 when something was, 2 for wrong arguments.
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <memory>

#include "chimera/base/number.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/layers.hpp"
#include "chimera/rt/runtime.hpp"
#include "chimera/sys/clock.hpp"
#include "invariants.hpp"
#include "machine.hpp"
#include "memory.hpp"
#include "report.hpp"
#include "scenario.hpp"
#include "truth.hpp"
#include "turns.hpp"

namespace chimera::vopr {
namespace {

namespace world = sys::virtual_world;

// A server as a program of its own, beside the one that is tried.
struct ServerProcess {
  Result<void> open(const ServerPlan& plan, sim::Witness& witness) {
    rt::RuntimeConfig config;
    config.kind = rt::Kind::local;
    config.read_size = 4096;
    CHI_TRY_VOID(runtime.open(config));
    return server.open(plan.settings, &witness);
  }
  static void main(void* self) {
    ServerProcess& p = *static_cast<ServerProcess*>(self);
    p.runtime.run(p.server.run());
  }
  sim::Server server;
  rt::Runtime runtime;
  ThreadId thread = 0;
};

const Scenario* g_scenario = nullptr;
Rng g_weather{0};

sys::Address address(size_t server) {
  return *sys::parse_ip("127.0.0.1", static_cast<uint16_t>(kFirstPort + server));
}

void draw_weather() {
  for (size_t i = 0; i < g_scenario->servers.size(); ++i) {
    world::set_rule(address(i), draw_rule(*g_scenario, g_weather));
  }
}

void on_step(uint64_t step) {
  const Scenario& s = *g_scenario;
  if (s.weather != 0 && step % s.weather == 0) draw_weather();
  if (s.stop_at != 0 && step >= s.stop_at) machine().signal(2);
  if (step == s.wall_step_at) world::step_wall_clock(s.wall_step);
  if (step == s.pause_at) world::advance(s.pause);
}

// Nothing will happen any more: when a signal was to come, it does now.
bool on_idle() {
  if (g_scenario->stop_at == 0 || machine().stop != 0) return false;
  machine().signal(2);
  return machine().stop != 0;
}

// As main() does it.
int command(const Scenario& s) {
  std::vector<char*> words;
  std::vector<std::string> copies = s.words;
  for (std::string& w : copies) words.push_back(w.data());
  cli::Settings settings;
  cli::Layers layers(s.command);
  Result<void> parsed = layers.read_arguments(words, settings);
  if (parsed) parsed = layers.apply(settings);
  if (!parsed) fatal("arguments: " + layers.what);
  for (const cli::Command& c : cli::commands()) {
    if (c.bit == s.command) return c.main(settings);
  }
  return 2;
}

// The command and its servers, from their start to their end.
Ending live(const Scenario& s, Truth& truth) {
  std::vector<Own<ServerProcess>> servers;
  for (size_t i = 0; i < s.servers.size(); ++i) {
    if (!s.servers[i].listens) continue;
    servers.push_back(make_own<ServerProcess>());
    if (!servers.back()->open(s.servers[i], truth.witness(i))) fatal("a server does not start");
    servers.back()->thread = start_thread(ServerProcess::main, servers.back().get());
  }
  Ending end;
  end.began = sys::now();
  end.code = command(s);
  end.ended = sys::now();
  machine().on_stop = nullptr;
  for (const Own<ServerProcess>& p : servers) {
    p->runtime.stop();
    join_thread(p->thread);
  }
  return end;
}

uint64_t run_seed(uint64_t seed, bool tell) {
  const int64_t before = live_bytes();
  reset_peak();
  world::reset(seed);
  reset_machine();
  Scenario s = draw(seed);
  set_scenario(seed, in_words(s));
  if (tell) printf("%s\n", scenario().c_str());
  g_scenario = &s;
  g_weather = Rng(mix_seed(seed, 2));
  draw_weather();
  begin_turns(mix_seed(seed, 3), on_step, on_idle);
  {
    Truth truth(s.servers.size(), s.thinking_events);
    Ending end = live(s, truth);
    end.peak = peak_bytes() - before;
    end_turns();
    if (world::open_handles() != 0) violated("sockets are left open");
    check(s, truth, end);
    for (const char c : machine().out) add_to_trace(static_cast<unsigned char>(c));
    for (const char c : machine().err) add_to_trace(static_cast<unsigned char>(c));
    if (tell) {
      printf("exit code %d after %.6f s and %llu turns, %zu requests, %lld bytes, trace %016llx\n"
             "--- stdout\n%s--- stderr\n%s",
             end.code, static_cast<double>(end.ended - end.began) / 1e9,
             static_cast<unsigned long long>(steps()), truth.all().size(),
             static_cast<long long>(end.peak), static_cast<unsigned long long>(trace()),
             machine().out.c_str(), machine().err.c_str());
    }
  }
  g_scenario = nullptr;
  s = Scenario();
  reset_machine();
  world::reset(seed);
  const int64_t left = live_bytes() - before - static_cast<int64_t>(scenario().capacity());
  static bool first = true;   // what is made once stays
  if (left > 0 && !first) violated("memory is left: " + std::to_string(left));
  first = false;
  return trace();
}

// ---- many seeds ---------------------------------------------------------------------------------

// Shared by all processes.
struct Tally {
  uint64_t next[64];      // the seed that a process is at
  uint64_t bad, done;
};

struct Range {
  uint64_t first = 1, last = 1;
  int jobs = 1;
  bool twice = false;
};

// Every jobs-th seed. Ends with exit code 1 when something was found.
int run_share(const Range& r, int job, Tally& tally) {
  bool bad = false;
  for (uint64_t& seed = tally.next[job]; seed <= r.last;) {
    const uint64_t mine = seed;
    seed += static_cast<uint64_t>(r.jobs);   // where another goes on, should this one end here
    const uint64_t once = run_seed(mine, false);
    if (r.twice && run_seed(mine, false) != once) violated("the second time it went another way");
    bad = bad || has_violations();
    __atomic_fetch_add(&tally.bad, has_violations() ? 1 : 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&tally.done, 1, __ATOMIC_RELAXED);
  }
  return bad ? 1 : 0;
}

pid_t start_share(const Range& r, int job, Tally& tally) {
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) _exit(run_share(r, job, tally));
  return pid;
}

int run_range(const Range& r) {
  Tally& tally = *static_cast<Tally*>(mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  catch_crashes();
  run_seed(0, false);   // so that what is made once is there
  std::vector<pid_t> shares;
  timespec began{}, ended{};
  clock_gettime(CLOCK_MONOTONIC, &began);
  for (int i = 0; i < r.jobs; ++i) {
    tally.next[i] = r.first + static_cast<uint64_t>(i);
    shares.push_back(start_share(r, i, tally));
  }
  for (int left = r.jobs; left > 0;) {
    int status = 0;
    const pid_t pid = wait(&status);
    int job = 0;
    while (job < r.jobs && shares[static_cast<size_t>(job)] != pid) ++job;
    const bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) < 2;
    if (ended_well) {
      --left;
      continue;
    }
    ++tally.bad;
    ++tally.done;
    shares[static_cast<size_t>(job)] = start_share(r, job, tally);
  }
  clock_gettime(CLOCK_MONOTONIC, &ended);
  const double seconds = static_cast<double>(ended.tv_sec - began.tv_sec) +
                         static_cast<double>(ended.tv_nsec - began.tv_nsec) / 1e9;
  printf("%llu seeds, %llu with findings, %.1f s\n", static_cast<unsigned long long>(tally.done),
         static_cast<unsigned long long>(tally.bad), seconds);
  return tally.bad == 0 ? 0 : 1;
}

bool parse(int argc, char** argv, Range& r, bool& one) {
  std::string_view seeds;
  for (int i = 1; i < argc; ++i) {
    const std::string_view a = argv[i];
    if (a == "--twice") {
      r.twice = true;
    } else if (a == "--jobs" && i + 1 < argc) {
      r.jobs = static_cast<int>(parse_u64(argv[++i]).value_or(0));
    } else if (seeds.empty() && !a.starts_with('-')) {
      seeds = a;
    } else {
      return false;
    }
  }
  const size_t dots = seeds.find("..");
  one = dots == seeds.npos;
  const auto first = parse_u64(seeds.substr(0, dots));
  const auto last = one ? first : parse_u64(seeds.substr(dots + 2));
  if (!first || !last || r.jobs < 1 || r.jobs > 64) return false;
  r.first = *first;
  r.last = *last;
  return true;
}

}  // namespace
}  // namespace chimera::vopr

int main(int argc, char** argv) {
  using namespace chimera::vopr;
  Range range;
  bool one = false;
  if (!parse(argc, argv, range, one)) {
    fputs("chimera-vopr SEED | FIRST..LAST [--jobs N] [--twice]\n", stderr);
    return 2;
  }
  if (!one) return run_range(range);
  catch_crashes();
  const uint64_t once = run_seed(range.first, true);
  const bool same = !range.twice || run_seed(range.first, false) == once;
  if (!same) violated("the second time it went another way");
  return has_violations() || !same ? 1 : 0;
}
