#include "chimera/cli/commands.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/packed.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/sim/server.hpp"
#include "chimera/sys/process.hpp"
#include "bench_help.hpp"
#include "config_help.hpp"
#include "stats_help.hpp"
#include "worker_help.hpp"

namespace chimera::cli {
namespace {

constexpr char kRunDetails[] =
    "\nWHAT IT DOES\n"
    "  N agents work at the same time. Each reads DIR (CSV, JSON, Markdown; DIR/reports and\n"
    "  DIR/csv_data when they are there; default: the current folder), asks its model for an "
    "analysis,\n"
    "  then for a report. With -O DIR the results go to DIR/run_<k>/metrics.json and Markdown "
    "files,\n"
    "  written whole or not at all. Without it the reports go to stdout.\n"
    "\nMETRICS (T = time of one agent, N = agents)\n"
    "  wall         from the start of all agents to the end of the last\n"
    "  efficiency   100 * sum(T) / (N * wall). It cannot tell one runtime from another: wall is\n"
    "               max T and about a millisecond, so it is 50 * (1 + min T / max T) with two\n"
    "               agents: how equal their answers are. And whatever slows both raises it.\n"
    "               That is what these are for:\n"
    "  imbalance    100 - 100 * sum(T) / (N * max T)   pp, the share that unequal work explains\n"
    "  overhead     wall - max T                       ms, the runtime's own (or a permit's)\n"
    "  contention   time a runnable task waited for a worker / sum(T)   %; it is inside T\n"
    "  aggregate    all tokens / wall                  tok/s\n"
    "\n"
    "  The sum: N * wall is sum(T), plus N * max T - sum(T) behind the end of a shorter agent,\n"
    "  plus N * (wall - max T), the overhead. In shares of N * wall:\n"
    "    efficiency_percent + imbalance_pp_of_wall + overhead_pp = 100\n"
    "    imbalance_pp_of_wall = imbalance * max T / wall, overhead_pp = 100 * overhead / wall\n"
    "  and efficiency_percent * contention / 100 pp of the efficiency were waiting.\n"
    "\n"
    "  With --serial, against each agent alone (with all servers and workers to itself):\n"
    "  true efficiency   100 * sum(T alone) / (N * wall)   %; slower agents do not raise it\n"
    "  true speedup      aggregate / (tokens alone / sum(T alone))   the same as a factor of N,\n"
    "                    whatever the lengths of the answers\n"
    "\n"
    "  ttft         request sent -> first piece of the answer (thinking included), ms; connecting\n"
    "               is not in it and has a figure of its own\n"
    "  tok/s        eval_count / eval_duration, as the server says\n"
    "  inter-token  gaps between pieces, percentiles by linear interpolation; pieces that came in "
    "one\n"
    "               read have a gap of 0 (events_per_read tells how many)\n"
    "\nPROMPTS AND num_ctx\n"
    "  A prompt is estimated at one token per 3 bytes. The answer keeps num_predict tokens\n"
    "  (at most half the window) or a quarter of it. What does not fit is left out. First\n"
    "  prompt: metrics from the end of the list, then file names. Report prompt: summary,\n"
    "  findings, metrics and recommendations share the room equally, what one does not need\n"
    "  goes to the others, and each loses its end. The prompt and the record say how much.\n"
    "\nEXAMPLES\n"
    "  chimera run notes/ -u http://desk:11434\n"
    "  chimera run notes/ -u http://a:11434 -u http://b:11434 --runs 5 -O out\n"
    "  chimera run notes/ --sim=rate=200,tokens=50 -f json | jq .summary.aggregate\n"
    "  chimera run notes/ --scenario chimera-hetero --chimera-num-ctx 512 --chimera2-num-ctx "
    "1024\n";

constexpr char kSimDetails[] =
    "\nA simulated model server. Ollama's /api/generate, /api/chat, /api/tags, /api/ps,\n"
    "/api/show, /api/version, /; OpenAI's /v1/chat/completions, /v1/completions, /v1/models;\n"
    "/health, /metrics. The same question gets the same text on every route. A request with a\n"
    "schema, or for JSON, gets a document that fits, as long as that is; one with tools gets\n"
    "--tool-calls behind its text, unless it has the results of calls.\n"
    "Its first line on stdout is `listening on http://127.0.0.1:PORT`. Token k is sent at\n"
    "  arrival + queue + load + prefill * prompt tokens + ttft + sum of k gaps (1/rate, with "
    "jitter)\n"
    "on an absolute schedule: a late token does not delay the next. The same seed gives the same\n"
    "bytes and the same schedule.\n"
    "\nEXAMPLES\n"
    "  chimera sim --port 11434 --rate 40 --ttft 80ms\n"
    "  chimera sim --port 0 --tokens 100-200 --jitter normal:10% --truth truth.ndjson\n"
    "  chimera sim --fault fin:0.1@20            one answer in ten ends early, behind 20 tokens\n";

constexpr char kIngestDetails[] =
    "\nWhat `run` would read: files, rows, columns, headings, metrics, and what is skipped and "
    "why.\n"
    "\nEXAMPLES\n"
    "  chimera ingest notes/\n"
    "  chimera ingest notes/ -f json | jq '.skipped[]'\n";

constexpr char kFetchDetails[] =
    "\nOne GET; the decoded body goes to stdout as it comes. Redirects are followed within the "
    "same\n"
    "origin only. A status of 300 or more prints nothing on stdout. What came before a failure "
    "stays.\n"
    "\nEXAMPLES\n"
    "  chimera fetch http://desk:11434/api/tags | jq -r '.models[].name'\n"
    "  chimera fetch http://10.0.0.2/firmware.bin -O firmware.bin\n";

constexpr char kSelftestDetails[] =
    "\nThe client against the simulator in one process, on one clock: by what the reading differs\n"
    "from the truth. A cell is a preset, a rate and a number of streams.\n"
    "\nFIGURES\n"
    "  TTFT error   the TTFT that is read minus the true one: from when the request was out (the\n"
    "               client's stamp, or the server's receipt where that is earlier) to when the\n"
    "               first token was handed to the system; median over the streams\n"
    "  predicted    of that, what coalescing explains: (ceil(bytes / line) - 1) / rate\n"
    "  delay        of a token: when the read that brought it (coalescing: that released it)\n"
    "               returned, minus when the server handed it to the system\n"
    "  ev/read      tokens and ends of answers per socket read\n"
    "  lost         tokens sent minus received; must be 0, and the texts must be equal\n"
    "  sim late     the simulator's sending minus its plan. Over 1 ms in the median the cell is\n"
    "               `saturated`: the machine cannot do this, and only losses count\n"
    "  streams      3/512: 3 ran. Who waits for a permit longer than two streams last gives up\n"
    "Bounds are for errors without what coalescing explains, token by token. smol-1kb and smol\n"
    "are measured in turns, in blocks; they differ when their medians are further apart than the\n"
    "blocks of one are (range).\n"
    "\nExit code 99: a token lost, a stream failed, or a bound exceeded.\n"
    "\nEXAMPLES\n"
    "  chimera selftest                                    about a minute\n"
    "  chimera selftest --quick --max-delay-p50 1ms\n"
    "  chimera selftest --preset upstream-smol-1kb --rates 41 --streams 2\n";

constexpr char kAskDetails[] =
    "\nTHE PROMPT\n"
    "  The arguments, with blanks between them. stdin is read when it is a pipe or a file, or "
    "when\n"
    "  - is among the arguments, and comes first: stdin, a blank line, the arguments; where {} is\n"
    "  among them it takes that place instead. Beside arguments a pipe has 2 s to say something.\n"
    "\nTHE ANSWER\n"
    "  goes to stdout as it comes, byte for byte, but for control codes: on a terminal none\n"
    "  passes, elsewhere no escape does (--raw lets them). With --schema, --json or -x it comes\n"
    "  when it is whole and fits. -f ndjson is a line of Ollama's /api/chat for each piece, with "
    "a\n"
    "  \"type\" (token, thinking, tool_call, done, error); -f json one object at the end.\n"
    "  Of --schema these keywords count: type enum const required properties\n"
    "  additionalProperties items prefixItems anyOf oneOf allOf $ref and the limits of numbers,\n"
    "  lengths and counts.\n"
    "\nA CONVERSATION\n"
    "  -c keeps it in $XDG_STATE_HOME/chimera/session.json, --session in a file of one's own\n"
    "  (in a folder that is there). Only answers that came whole are kept.\n"
    "\nEXAMPLES\n"
    "  chimera ask why is the sky blue\n"
    "  chimera ask 'Explain this:' < error.log\n"
    "  git diff | chimera ask -s 'You review code.' 'Anything wrong here? {}' > review.txt\n"
    "  chimera ask -x 'a shell loop that renames *.jpeg to *.jpg' > rename.sh\n"
    "  chimera ask --schema '{\"type\":\"object\",\"required\":[\"city\"]}' 'Where is the "
    "Louvre?' | jq .city\n"
    "  chimera ask -u http://a:11434 -u http://b:11434 --policy race hello\n";

constexpr char kMapDetails[] =
    "\nRECORDS\n"
    "  Each line of FILE (stdin) is a record: text, or a JSON object. Blank lines are left out.\n"
    "  --template says what is asked about it: {name} is that member of the object (a.b looks\n"
    "  into objects), {} the whole line, {text} the line of a text; {{ and }} are braces.\n"
    "\nRESULTS\n"
    "  One line of JSON for each, in the order of the input: id (the record's, else the number of\n"
    "  its line), text, and in \"chimera\" the done_reason, prompt_tokens, tokens, ttft_ms,\n"
    "  total_ms, server and attempts. With --json or --schema the members of the answer stand\n"
    "  beside them, but for those whose names are taken. A record that failed has error (words),\n"
    "  class and exit_code instead; it never stops the others. A summary goes to stderr.\n"
    "  At most 16 records for each job are read ahead of the oldest unfinished one: memory stays\n"
    "  the same for endless input.\n"
    "\nGOING ON\n"
    "  --resume OUT leaves out what is answered in OUT, by id. The same command again goes on\n"
    "  where it was interrupted or killed:\n"
    "    chimera map big.ndjson --resume out.ndjson >> out.ndjson\n"
    "\nEXAMPLES\n"
    "  chimera map --template 'Classify: {text}' < tickets.txt > out.ndjson\n"
    "  chimera map tickets.ndjson --schema label.json --template '{title}: {body}' | jq .label\n"
    "  chimera map -j 8 -u http://a:11434 -u http://b:11434 --policy least < big.ndjson\n";

constexpr Command kPlain[] = {
    {kRun, "run", "[DIR] [OPTIONS]",
     "N agents read a folder, analyse it and report, at the same time", kRunDetails, run_command},
    {kAsk, "ask", "[PROMPT...] [OPTIONS]", "one prompt, the answer streams to stdout", kAskDetails,
     ask_command},
#ifndef CHIMERA_MINIMAL   // make MINIMAL=1; nothing else names what is behind these
    {kMap, "map", "[FILE] [OPTIONS]",
     "one prompt for each line, so many at a time; one result a line, resumable", kMapDetails,
     map_command},
    {kSim, "sim", "[OPTIONS]",
     "a simulated Ollama and OpenAI server: exact pacing, queueing, faults, ground truth",
     kSimDetails,
     sim_command},
    {kWorker, "worker", "[OPTIONS]",
     "jobs of an orchestrator: NDJSON jobs on stdin, NDJSON events on stdout", kWorkerDetails,
     worker_command},
    {kProbe, "probe", "[URL...] [OPTIONS]",
     "is each server up; version, models, round trip", kProbeDetails, probe_command},
    {kIngest, "ingest", "DIR [OPTIONS]", "what `run` would read: files, metrics, warnings",
     kIngestDetails, ingest_command},
    {kFetch, "fetch", "URL [OPTIONS]", "one GET, the decoded body to stdout", kFetchDetails,
     fetch_command},
    {kStats, "stats", "PATH... [OPTIONS]",
     "what result files say: figures, tests, a verdict in words, gates", kStatsDetails,
     stats_command},
    {kSelftest, "selftest", "[OPTIONS]",
     "client against simulator in one process: the instrument's own error", kSelftestDetails,
     selftest_command},
    {kBench, "bench", "[DIR] -O OUT [OPTIONS], or -c N | -n N | --rate R [OPTIONS]",
     "the experiment: runtimes x workloads x repeats, one process a trial; or a load test",
     kBenchDetails,
     bench_command},
    {kConfig, "config", "[COMMAND] [ITS OPTIONS]",
     "the settings in force for a command, and who says so", kConfigDetails, nullptr},
    {kCompletion, "completion", "bash|zsh|fish", "a script that completes commands and options",
     kCompletionDetails, completion_command},
    {kCompletion, "man", "", "the manual page: chimera man | man -l -", kManDetails, man_command},
#endif
};
constexpr auto& kCommands = PackedTable<kPlain, &Command::details>::kRows;

}  // namespace

std::span<const Command> commands() { return kCommands; }

const Command* find_command(std::string_view name) {
  for (const Command& c : kCommands) {
    if (name == c.name) return &c;
  }
  return nullptr;
}

std::string_view nearest_command(std::string_view word) {
  Nearest nearest(word);
  for (const Command& c : kCommands) nearest.offer(c.name);
  return nearest.name();
}

int sim_command(Settings& s) {
  if (!s.positional.empty()) {
    say("sim takes no arguments: see chimera sim --help");
    return 2;
  }
  const auto served = sim::sim_main(s.sim);
  if (served) return sys::stop_signal() != 0 ? 128 + sys::stop_signal() : 0;
  Error e = served.error();
  if (e.code == Errc::closed) return 141;
  if (e.code == Errc::refused) e.code = Errc::io;   // an address of ours, not somebody's server
  std::string place = s.sim.host + ":";
  append_u64(place, s.sim.port);
  const bool busy = e.code == Errc::io;
  complain("sim", e, busy ? place : s.sim.truth, busy ? "choose another --port, or 0" : "");
  return exit_code(e);
}

}  // namespace chimera::cli
