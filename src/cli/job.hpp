// A line of the worker's protocol: what an orchestrator says on stdin (README: chimera worker).
//
// Thread: plain data, one owner at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chimera/cli/settings.hpp"

namespace chimera::cli {

// `id` is JSON text: a string as JsonWriter writes it, or a number as it was; empty = none was
// given. What a line does not say is as on the command line, or empty.
struct Job {
  std::string id;
  bool cancel = false;                   // the line asks for the end of `id`; nothing else counts
  std::string model, prompt, url;
  std::vector<llm::Message> messages;    // the conversation; a last one of the user is the prompt
  CallSettings calls;                    // system, schema, tools, images
  llm::Options options;
  Nanos deadline = 0;                    // duration; 0 = none
  int64_t priority = 0;                  // higher goes first
  std::string unknown;                   // the first key that means nothing here
};

// Takes a line apart. On an error `why` says it in words, and job.id is there if it is in the line.
// Errors: bad_input.
Result<void> parse_job(std::string_view line, const Settings& defaults, Job& job, std::string& why);

}  // namespace chimera::cli
