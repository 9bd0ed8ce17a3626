// Parts of `chimera run` that stand alone: simulated servers, progress, dry run.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/agent/crew.hpp"
#include "chimera/cli/settings.hpp"
#include "chimera/rt/task.hpp"
#include "chimera/rt/worker.hpp"
#include "chimera/sys/process.hpp"

namespace chimera::cli {

// Simulated servers as child processes, so that their CPU and memory are not the client's.
class SimServers {
 public:
  // One for each agent, or s.sim_servers; s.urls becomes theirs. They end with this object. `seed`:
  // of the first one, each has one of its own; 0 = that of s.sim for all.
  // Errors: those of the child (io, unsupported, timed_out, closed).
  Result<void> start(Settings& s, uint64_t seed = 0);

 private:
  std::vector<sys::Child> children_;
};

// Opens it as the settings say; SIGINT and SIGTERM stop it from then on. Errors: of the runtime.
Result<void> open_runtime(rt::Runtime& runtime, const Settings& s);
// One thread is enough, unless a knob asks for more.
void prefer_local(Settings& s);

// Redraws one line on stderr every 100 ms until `stop`, then takes it away.
rt::Task<void> show_progress(const agent::CrewSettings& crew, std::span<agent::Progress> progress,
                             int run, int runs, rt::Stop& stop);

void draw(std::string_view line);   // instead of the last line drawn on the terminal of stderr

// The exact bytes of a request, but for header values that may be secret: "***".
std::string request_text(const wire::Url& url, const llm::ClientSettings& client,
                         const llm::Request& request);
// Prints each agent's first request like that.
int dry_run(const agent::CrewSettings& crew);

// The run folders in `folder` that `runs` new ones would not replace: "run_2, partial_run_3".
std::string older_results(const std::string& folder, int runs);

// Indented JSON on one line.
std::string one_line(std::string_view pretty);
// The "version" of an /api/version answer; empty when there is none.
std::string version_in(std::string_view json);

}  // namespace chimera::cli
