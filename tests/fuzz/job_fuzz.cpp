// A line of the worker's protocol: what is taken has something to ask and an id that is JSON; what
// is refused has words.
#include "chimera/wire/json.hpp"
#include "src/cli/job.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {

int fuzz_job(std::string_view input) {
  chimera::cli::Job job;
  std::string why;
  const auto read = chimera::cli::parse_job(input, chimera::cli::Settings(), job, why);
  FUZZ_CHECK(job.id.empty() || chimera::wire::check_json(job.id));
  FUZZ_CHECK(read.has_value() == why.empty());
  if (!read) return 0;
  FUZZ_CHECK(chimera::wire::check_json(input) && job.deadline >= 0);
  FUZZ_CHECK(job.cancel ? !job.id.empty() : true);
  FUZZ_CHECK(job.calls.tools.empty() || chimera::wire::check_json(job.calls.tools));
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_job)
