// The help of `worker` and `probe`. constexpr: commands.cpp packs it while compiling.
#pragma once

namespace chimera::cli {

inline constexpr char kWorkerDetails[] =
    "\nJOBS (stdin, one JSON object a line; what is not said is as the options say)\n"
    "  id           a string or a number, comes back as it was (the number of the\n"
    "               line)\n"
    "  prompt       text; or\n"
    "  messages     [{\"role\":\"user\",\"content\":\"...\"}, ...], with images, tool_calls,\n"
    "               tool_name\n"
    "  model, system, url, images, tools, format (\"json\" or a schema), think,\n"
    "               keep_alive\n"
    "  options      {\"temperature\":0, \"num_ctx\":4096, ...}, over those of -o\n"
    "  deadline_ms  from acceptance to the end, waiting included; 0 = none\n"
    "  priority     a whole number, higher goes first (0); the same: in the order\n"
    "               they came\n"
    "  {\"cancel\":ID} ends a job: it leaves the queue, or its connection is closed\n"
    "\nEVENTS (stdout, one JSON object a line, with the id of the job)\n"
    "  accepted     it waits for its turn\n"
    "  token        text, or thinking: a piece as it came\n"
    "  done         text, thinking, tool_calls, done_reason, the server's figures,\n"
    "               queued_ms\n"
    "  error        class, message, exit_code; text: what had come of the answer;\n"
    "               line: of stdin\n"
    "  cancelled    on request, or by a signal\n"
    "  A job ends with one done, error or cancelled, and nothing comes behind that.\n"
    "  One that was refused (class busy: the queue is full; bad_data: not a job, or\n"
    "  its id is at work) has no accepted. A cancel for a job that has ended is an\n"
    "  error of class not_found; it counts as nothing. The queue holds --queue jobs\n"
    "  and 64 MiB. While nobody reads the events, nothing more is read and no job is\n"
    "  begun, but deadlines fire. Classes are those of the exit codes: resolve\n"
    "  refused deadline reset truncated protocol too_large http_status auth no_model\n"
    "  busy server_error bad_data.\n"
    "\nIt ends when stdin does and all jobs have. Exit code 0: none failed; 1: some;\n"
    "that of the first failure: nothing was done.\n"
    "\nEXAMPLES\n"
    "  echo '{\"id\":1,\"prompt\":\"Say hi\"}' | chimera worker\n"
    "  chimera worker -j 8 --no-tokens < jobs.ndjson |\n"
    "    jq -c 'select(.event==\"done\")|[.id,.text]'\n"
    "  chimera worker --block -u http://a:11434 -u http://b:11434 < jobs.ndjson\n";

inline constexpr char kProbeDetails[] =
    "\nAll servers are asked at the same time, a URL ending in /v1 in OpenAI's dialect\n"
    "and others in Ollama's first.\n"
    "\nFIGURES\n"
    "  connect      name and connection, ms\n"
    "  round trip   a small GET on a kept connection, request to end of the answer,\n"
    "               ms: the median of 3\n"
    "A server has 10 s for each answer, unless --timeout says otherwise.\n"
    "\nExit code 0: all are up (and have the model of -m); 1: some; that of the first\n"
    "failure: none.\n"
    "\nEXAMPLES\n"
    "  chimera probe                       the servers that other commands would use\n"
    "  chimera probe http://a:11434 http://b:8080/v1\n"
    "  chimera probe -m gemma3:latest > probe.txt && chimera ask hi\n"
    "  chimera probe -f json | jq -r '.endpoints[].models[].name'\n";

}  // namespace chimera::cli
