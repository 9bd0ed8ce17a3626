#include "chimera/cli/layers.hpp"

#include "chimera/base/packed.hpp"
#include "chimera/cli/commands.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::cli;

namespace {

// What the three sources say, laid over each other.
struct Said {
  Commands command = kRun;
  std::vector<std::string> words;
  std::vector<const char*> variables;
  std::string text, profile;

  Result<void> lay(Layers& layers, Settings& s) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    variables.push_back(nullptr);
    layers.file = "f";
    layers.profile = profile;
    CHI_TRY_VOID(layers.read_environment(variables.data()));
    CHI_TRY_VOID(layers.read_arguments(arguments, s));
    if (!text.empty()) CHI_TRY_VOID(layers.read_config(text));
    return layers.apply(s);
  }
};

struct Laid {
  explicit Laid(Said said) : layers(said.command), done(said.lay(layers, s)) {}
  Settings s;
  Layers layers;
  Result<void> done;
};

std::string urls(const Settings& s) {
  std::string all;
  for (const wire::Url& u : s.urls) all.append(u.text()).append(" ");
  return all;
}

TEST_CASE("the higher layer counts") {
  const std::string file =
      "num-ctx = 1\n[run]\nnum-ctx = 2\n[profile.p]\nnum_ctx = 3\n[profile.p.run]\nnum-ctx = 4\n";
  CHECK(*Laid({.text = "num-ctx = 1\n"}).s.common.num_ctx == 1);
  CHECK(*Laid({.text = file}).s.common.num_ctx == 2);
  CHECK(*Laid({.command = kBench, .text = file}).s.common.num_ctx == 1);
  CHECK(*Laid({.command = kBench, .text = file, .profile = "p"}).s.common.num_ctx == 3);
  CHECK(*Laid({.text = file, .profile = "p"}).s.common.num_ctx == 4);
  const char* const five = "CHIMERA_NUM_CTX=5";
  CHECK(*Laid({.variables = {five}, .text = file, .profile = "p"}).s.common.num_ctx == 5);
  Laid typed({.words = {"--num-ctx", "6"}, .variables = {five}, .text = file, .profile = "p"});
  CHECK(*typed.s.common.num_ctx == 6);
  CHECK(typed.layers.find("num-ctx")->layer == Layer::arguments);
  CHECK(!Laid({}).s.common.num_ctx.has_value());
}

TEST_CASE("what may be repeated is replaced as a whole") {
  const std::string file = "url = ['http://a:1', 'http://b:2']\noption = {x = 1, y = true}\n";
  Laid below({.text = file});
  CHECK(urls(below.s) == "http://a:1 http://b:2 ");
  REQUIRE(below.s.common.extra.size() == 2);
  CHECK(below.s.common.extra[1].second == "true");
  Laid above({.words = {"-u", "http://c:3", "-o", "z", "0"}, .text = file});
  CHECK(urls(above.s) == "http://c:3 ");
  CHECK(above.s.common.extra.size() == 1);
  Laid list({.variables = {"CHIMERA_URL=http://d:4,http://e:5", "CHIMERA_HEADER=A: 1, 2"}});
  CHECK(urls(list.s) == "http://d:4 http://e:5 ");
  CHECK(list.s.headers == "A: 1, 2\r\n");
}

TEST_CASE("who cannot be meant together with a higher layer is not") {
  Laid sim({.words = {"--sim"}, .text = "url = 'http://a:1'\n"});
  CHECK(sim.s.simulate);
  CHECK(sim.s.urls.empty());
  Laid real({.words = {"-u", "http://a:1"}, .text = "sim = 'rate=3'\nsim-servers = 2\n"});
  CHECK(!real.s.simulate);
  CHECK(real.s.sim_servers == 0);
  Laid off({.variables = {"CHIMERA_SIM=0"}, .text = "sim = true\nurl = 'http://a:1'\n"});
  CHECK(!off.s.simulate);
  CHECK(urls(off.s) == "http://a:1 ");
  Laid preset({.words = {"--preset", "smol"}, .text = "runtime = 'steal'\nread-size = 7\n"});
  CHECK(preset.s.runtime.kind == rt::Kind::fixed);
  CHECK(preset.s.runtime.read_size == 8192);
  Laid place({.words = {"--collector-ollama-url", "http://c:3"},
              .text = "url = ['http://a:1', 'http://b:2']\n"});
  CHECK(urls(place.s) == "http://c:3 http://b:2 ");
  Laid local({.words = {"--runtime", "local"}, .variables = {"CHIMERA_THREADS=4"}});
  CHECK(local.done.has_value());
  CHECK(local.s.runtime.threads <= 1);
}

TEST_CASE("the seed report's file is the two agents' options") {
  Laid seed({.text = "[ollama1]\nport = 1\n[ollama2]\nport = 2\n[agent_a]\nnum_gpu = 120\n"
                     "base_url = 'http://localhost:3'\n[agent_b]\nnum_gpu = 140\ntop_k = 9\n"});
  REQUIRE(seed.done.has_value());
  CHECK(seed.layers.warnings.empty());
  CHECK(urls(seed.s) == "http://localhost:3 http://127.0.0.1:2 ");
  CHECK(*seed.s.a.num_gpu == 120);
  CHECK(*seed.s.b.num_gpu == 140);
  CHECK(*seed.s.b.top_k == 9);
  CHECK(seed.s.scenario == agent::Scenario::chimera_hetero);
  Laid typed({.words = {"--scenario", "chimera-homo"}, .text = "[agent_a]\nnum_ctx = 5\n"});
  CHECK(typed.s.scenario == agent::Scenario::chimera_homo);
  CHECK(urls(Laid({.command = kAsk, .text = "[ollama1]\nport = 1\n"}).s) == "http://127.0.0.1:1 ");
}

TEST_CASE("errors name who says it") {
  struct Row { Said said; const char* what; };
  const Row rows[] = {
      {{.variables = {"CHIMERA_AGENTS=0"}}, "CHIMERA_AGENTS: '0' is not valid (1 to 512)"},
      {{.variables = {"CHIMERA_PIN=2"}}, "CHIMERA_PIN: a switch: true or false"},
      {{.text = "\nagents = 0\n"}, "f:2: agents: '0' is not valid (1 to 512)"},
      {{.text = "[run]\nagents = [1]\n"}, "f:2: run.agents: takes one value"},
      {{.text = "api-key = 'k'\n"},
       "f:1: api-key: no keys in this file: api-key-file names the file with it"},
      {{.text = "a = \n"}, "f:1: not a value"},
      {{.text = "a = 1\n", .profile = "p"}, "f: there is no [profile.p]"},
      {{.text = "[[profile.p]]\nmodel = 'a'\n", .profile = "p"}, "f: there is no [profile.p]"},
      {{.text = "preset = 'x'\n"}, "f:1: preset: --preset: no such preset: x"},
      {{.text = "header = 'secret'\n"}, "f:1: header: the value is not valid ('Name: value')"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    Laid laid(row.said);
    REQUIRE(!laid.done.has_value());
    CHECK(laid.done.error().code == Errc::bad_config);
    CHECK(laid.layers.what == row.what);
  }
  Laid typed({.words = {"--agents", "0"}});
  REQUIRE(!typed.done.has_value());
  CHECK(typed.done.error().code == Errc::usage);
}

TEST_CASE("unknown names are warned of, those of other commands are not") {
  Laid laid({.variables = {"CHIMERA_MODLE=x", "CHIMERA_METRIC=x", "CHIMERA_num_ctx=1",
                           "CHIMERA=1"},
             .text = "modle = 1\nmetric = 'x'\n[stats]\nnone = 1\n[run]\nmetric = 'x'\n"
                     "[x]\na = 1\n"});
  REQUIRE(laid.done.has_value());
  const std::vector<std::string> wanted = {"CHIMERA_MODLE is set, but there is no such option; did "
                                           "you mean CHIMERA_MODEL?",
                                           "CHIMERA_num_ctx is set, but there is no such option; "
                                           "did you mean CHIMERA_NUM_CTX?",
                                           "f:1: modle: no such option; did you mean model?",
                                           "f:6: run.metric: no such option",
                                           "f:7: x: no such option"};
  CHECK(laid.layers.warnings == wanted);
}

TEST_CASE("the help says of what may be repeated that it may") {
  for (const Command& c : commands()) {
    for (const Option& o : options_of(c.bit)) {
      std::string help;
      append_unpacked(help, o.help);
      CAPTURE(std::string(c.name) + " --" + o.name);
      CHECK((help.find("repeatable") != help.npos) == repeatable(o));
    }
  }
}

TEST_CASE("what is good for another command only is passed over at the top level") {
  Laid top({.command = kFetch, .text = "keep-alive = '5m'\n"});
  CHECK(top.done.has_value());
  CHECK(top.layers.find("keep-alive") == nullptr);
  CHECK(!Laid({.command = kFetch, .text = "[fetch]\nkeep-alive = '5m'\n"}).done.has_value());
  CHECK(Laid({.command = kSim, .text = "model = 'x'\n"}).s.sim.models.empty());
  CHECK(Laid({.command = kSim, .text = "[sim]\nmodel = ['x', 'y']\n"}).s.sim.models.size() == 2);
}

TEST_CASE("the record has what counted, without secrets") {
  Laid laid({.words = {"dir", "--seed=3"},
             .variables = {"CHIMERA_HEADER=A: secret"},
             .text = "num-ctx = 1\nseed = 9\nserial = true\noption = {x = 'a b'}\n"});
  CHECK(laid.s.command == " --num-ctx=1 --serial --option x 'a b' --header='***' dir --seed=3");
}

// What completion offers comes from help texts; here they and the setters are held together.
TEST_CASE("help says which options may be repeated") {
  for (const char* name : {"url", "header", "option", "metric", "only", "fail-on"}) {
    CAPTURE(std::string(name));
    const Option* const o = find_option(kEvery, name);
    REQUIRE(o != nullptr);
    CHECK(repeatable(*o));
  }
  CHECK(!repeatable(*find_option(kRun, "model")));
  CHECK(repeatable(*find_option(kSim, "fault")));
}

TEST_CASE("every command's options are found by their names") {
  for (const Command& c : commands()) {
    for (const Option& o : options_of(c.bit)) {
      CAPTURE(std::string(o.name));
      const Option* const found = find_option(c.bit, o.name);
      REQUIRE(found != nullptr);
      CHECK(found->commands == o.commands);
    }
  }
}

}  // namespace
