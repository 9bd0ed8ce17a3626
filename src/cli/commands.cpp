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
    "  N agents work at the same time. Each reads DIR (CSV, JSON, Markdown;\n"
    "  DIR/reports and DIR/csv_data when they are there; default: the current\n"
    "  folder), asks its model for an analysis, then for a report. With -O DIR the\n"
    "  results go to DIR/run_<k>/metrics.json and Markdown files, written whole or\n"
    "  not at all. Without it the reports go to stdout.\n"
    "\nMETRICS (T = time of one agent, N = agents)\n"
    "  wall         from the start of all agents to the end of the last\n"
    "  efficiency   100 * sum(T) / (N * wall). It cannot tell one runtime from\n"
    "               another: wall is max T and about a millisecond, so it is\n"
    "               50 * (1 + min T / max T) with two agents: how equal their answers\n"
    "               are. And whatever slows both raises it. These say more:\n"
    "  imbalance    100 - 100 * sum(T) / (N * max T); pp, what unequal work explains\n"
    "  overhead     wall - max T; ms, the runtime's own (or a permit's)\n"
    "  contention   time a runnable task waited for a worker / sum(T); %, inside T\n"
    "  aggregate    all tokens / wall; tok/s\n"
    "\n  The sum: N * wall is sum(T), plus N * max T - sum(T) behind the end of a\n"
    "  shorter agent, plus N * (wall - max T), the overhead. In shares of N * wall:\n"
    "    efficiency_percent + imbalance_pp_of_wall + overhead_pp = 100\n"
    "    imbalance_pp_of_wall = imbalance * max T / wall\n"
    "    overhead_pp = 100 * overhead / wall\n"
    "  and efficiency_percent * contention / 100 pp of the efficiency were waiting.\n"
    "\n  With --serial, against each agent alone (with all servers and workers to\n"
    "  itself):\n"
    "  true efficiency   100 * sum(T alone) / (N * wall); %, slower agents do not\n"
    "                    raise it\n"
    "  true speedup      aggregate / (tokens alone / sum(T alone)); the same as a\n"
    "                    factor of N, whatever the lengths of the answers\n"
    "\n  ttft         request sent -> first piece of the answer (thinking included),\n"
    "               ms; connecting is not in it and has a figure of its own\n"
    "  tok/s        eval_count / eval_duration, as the server says\n"
    "  inter-token  gaps between pieces, percentiles by linear interpolation; pieces\n"
    "               that came in one read have a gap of 0 (events_per_read tells how\n"
    "               many)\n"
    "\nPROMPTS AND num_ctx\n"
    "  A prompt is estimated at one token per 3 bytes. The answer keeps num_predict\n"
    "  tokens (at most half the window) or a quarter of it. What does not fit is left\n"
    "  out. First prompt: metrics from the end of the list, then file names. Report\n"
    "  prompt: summary, findings, metrics and recommendations share the room equally,\n"
    "  what one does not need goes to the others, and each loses its end. The prompt\n"
    "  and the record say how much.\n"
    "\nEXAMPLES\n"
    "  chimera run notes/ -u http://desk:11434\n"
    "  chimera run notes/ -u http://a:11434 -u http://b:11434 --runs 5 -O out\n"
    "  chimera run notes/ --sim=rate=200,tokens=50 -f json | jq .summary.aggregate\n"
    "  chimera run notes/ --scenario chimera-hetero --chimera-num-ctx 512 \\\n"
    "    --chimera2-num-ctx 1024\n";

constexpr char kSimDetails[] =
    "\nA simulated model server. Ollama's /api/generate, /api/chat, /api/tags, /api/ps,\n"
    "/api/show, /api/version, /; OpenAI's /v1/chat/completions, /v1/completions,\n"
    "/v1/models; /health, /metrics. The same question gets the same text on every\n"
    "route. A request with a schema, or for JSON, gets a document that fits, as long\n"
    "as that is; one with tools gets --tool-calls behind its text, unless it has the\n"
    "results of calls.\n"
    "Its first line on stdout is `listening on http://127.0.0.1:PORT`. Token k is\n"
    "sent at\n"
    "  arrival + queue + load + prefill * prompt tokens + ttft + sum of k gaps\n"
    "(1/rate, with jitter),\n"
    "on an absolute schedule: a late token does not delay the next. The same seed\n"
    "gives the same bytes and the same schedule.\n"
    "\nEXAMPLES\n"
    "  chimera sim --port 11434 --rate 40 --ttft 80ms\n"
    "  chimera sim --port 0 --tokens 100-200 --jitter normal:10% --truth truth.ndjson\n"
    "  chimera sim --fault fin:0.1@20     one answer in ten ends behind 20 tokens\n";

constexpr char kIngestDetails[] =
    "\nWhat `run` would read: files, rows, columns, headings, metrics, and what is\n"
    "skipped and why.\n"
    "\nEXAMPLES\n"
    "  chimera ingest notes/\n"
    "  chimera ingest notes/ -f json | jq '.skipped[]'\n";

constexpr char kFetchDetails[] =
    "\nOne GET; the decoded body goes to stdout as it comes. Redirects are followed\n"
    "within the same origin only. A status of 300 or more prints nothing on stdout.\n"
    "What came before a failure stays.\n"
    "\nEXAMPLES\n"
    "  chimera fetch http://desk:11434/api/tags | jq -r '.models[].name'\n"
    "  chimera fetch http://10.0.0.2/firmware.bin -O firmware.bin\n";

constexpr char kSelftestDetails[] =
    "\nThe client against the simulator in one process, on one clock: by what the\n"
    "reading differs from the truth. A cell is a preset, a rate and a number of\n"
    "streams.\n"
    "\nFIGURES\n"
    "  TTFT error   the TTFT that is read minus the true one: from when the request\n"
    "               was out (the client's stamp, or the server's receipt where that\n"
    "               is earlier) to when the first token was handed to the system;\n"
    "               median over the streams\n"
    "  predicted    of that, what coalescing explains: (ceil(bytes / line) - 1)\n"
    "               / rate\n"
    "  delay        of a token: when the read that brought it (coalescing: that\n"
    "               released it) returned, minus when the server handed it to the\n"
    "               system\n"
    "  ev/read      tokens and ends of answers per socket read\n"
    "  lost         tokens sent minus received; must be 0, and the texts must be\n"
    "               equal\n"
    "  sim late     the simulator's sending minus its plan. Over 1 ms in the median\n"
    "               the cell is `saturated`: the machine cannot do this, and only\n"
    "               losses count\n"
    "  streams      3/512: 3 ran. Who waits for a permit longer than two streams last\n"
    "               gives up\n"
    "Bounds are for errors without what coalescing explains, token by token. smol-1kb\n"
    "and smol are measured in turns, in blocks; they differ when their medians are\n"
    "further apart than the blocks of one are (range).\n"
    "\nExit code 99: a token lost, a stream failed, or a bound exceeded.\n"
    "\nEXAMPLES\n"
    "  chimera selftest                                    about a minute\n"
    "  chimera selftest --quick --max-delay-p50 1ms\n"
    "  chimera selftest --preset upstream-smol-1kb --rates 41 --streams 2\n";

constexpr char kAskDetails[] =
    "\nTHE PROMPT\n"
    "  The arguments, with blanks between them. stdin is read when it is a pipe or a\n"
    "  file, or when - is among the arguments, and comes first: stdin, a blank line,\n"
    "  the arguments; where {} is among them it takes that place instead. Beside\n"
    "  arguments a pipe has 2 s to say something.\n"
    "\nTHE ANSWER\n"
    "  goes to stdout as it comes, byte for byte, but for control codes: on a\n"
    "  terminal none passes, elsewhere no escape does (--raw lets them). With\n"
    "  --schema, --json or -x it comes when it is whole and fits. -f ndjson is a line\n"
    "  of Ollama's /api/chat for each piece, with a \"type\" (token, thinking,\n"
    "  tool_call, done, error); -f json one object at the end. Of --schema these\n"
    "  keywords count: type enum const required properties additionalProperties items\n"
    "  prefixItems anyOf oneOf allOf $ref and the limits of numbers, lengths and\n"
    "  counts.\n"
    "\nA CONVERSATION\n"
    "  -c keeps it in $XDG_STATE_HOME/chimera/session.json, --session in a file of\n"
    "  one's own (in a folder that is there). Only answers that came whole are kept.\n"
    "\nEXAMPLES\n"
    "  chimera ask why is the sky blue\n"
    "  chimera ask 'Explain this:' < error.log\n"
    "  git diff | chimera ask -s 'You review code.' 'Anything wrong? {}' > review.txt\n"
    "  chimera ask -x 'a shell loop that renames *.jpeg to *.jpg' > rename.sh\n"
    "  chimera ask --schema city.json 'Where is the Louvre?' | jq .city\n"
    "  chimera ask --image photo.jpg --temperature 0 'What is this?'\n"
    "  while read -r q; do chimera ask --no-stdin \"$q\"; done < questions.txt\n"
    "  chimera ask -u http://a:11434 -u http://b:11434 --policy race hello\n";

constexpr char kMapDetails[] =
    "\nRECORDS\n"
    "  Each line of FILE (stdin) is a record: text, or a JSON object. Blank lines are\n"
    "  left out. --template says what is asked about it: {name} is that member of the\n"
    "  object (a.b looks into objects), {} the whole line, {text} the line of a text;\n"
    "  {{ and }} are braces.\n"
    "\nRESULTS\n"
    "  One line of JSON for each, in the order of the input: id (the record's, else\n"
    "  the number of its line), text, and in \"chimera\" the done_reason,\n"
    "  prompt_tokens, tokens, ttft_ms, total_ms, server and attempts. With --json or\n"
    "  --schema the members of the answer stand beside them, but for those whose\n"
    "  names are taken. A record that failed has error (words), class and exit_code\n"
    "  instead; it never stops the others. A summary goes to stderr. At most 16\n"
    "  records for each job are read ahead of the oldest unfinished one: memory stays\n"
    "  the same for endless input.\n"
    "\nGOING ON\n"
    "  --resume OUT leaves out what is answered in OUT, by id. The same command again\n"
    "  goes on where it was interrupted or killed:\n"
    "    chimera map big.ndjson --resume out.ndjson >> out.ndjson\n"
    "\nEXAMPLES\n"
    "  chimera map --template 'Classify: {text}' < tickets.txt > out.ndjson\n"
    "  chimera map t.ndjson --template '{title}: {body}' --schema s.json | jq .label\n"
    "  chimera map -j 8 -u http://a:11434 -u http://b:11434 --policy least < t.ndjson\n"
    "  mlr --icsv --ojsonl cat t.csv | chimera map --template '{title}'    CSV\n";

constexpr Command kPlain[] = {
    {kRun, "run", "[DIR] [OPTIONS]",
     "N agents read a folder, analyse it and report, at the same time", kRunDetails, run_command},
    {kAsk, "ask", "[PROMPT...] [OPTIONS]", "one prompt, the answer streams to stdout", kAskDetails,
     ask_command},
#ifndef CHIMERA_MINIMAL   // make MINIMAL=1; nothing else names what is behind these
    {kMap, "map", "[FILE] [OPTIONS]",
     "one prompt for each line, several at a time; resumable", kMapDetails,
     map_command},
    {kSim, "sim", "[OPTIONS]",
     "a simulated Ollama and OpenAI server: pace, queue, faults, truth",
     kSimDetails,
     sim_command},
    {kWorker, "worker", "[OPTIONS]",
     "jobs of another program: NDJSON jobs on stdin, events on stdout", kWorkerDetails,
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
     "client against simulator: the instrument's own error", kSelftestDetails,
     selftest_command},
    {kBench, "bench", "[DIR] -O OUT [OPTIONS], or -c N | -n N | --rate R [OPTIONS]",
     "the experiment: runtimes x workloads x repeats; or a load test",
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
