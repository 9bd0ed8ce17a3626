// What config, completion and man say below their options in --help.
#pragma once

namespace chimera::cli {

inline constexpr char kConfigDetails[] =
    "\nPrints each option of COMMAND (run), what it is set to, and by whom: command\n"
    "line, the environment, a file and line, or nobody (default). Secrets are shown\n"
    "as ***.\n"
    "\nWHO COUNTS\n"
    "  The command line, then the environment, then the file, then the default. What\n"
    "  may be repeated is replaced as a whole. A server on the command line does away\n"
    "  with simulated ones of the file, --preset with its knobs.\n"
    "\nENVIRONMENT\n"
    "  CHIMERA_OPTION    any option in capitals, _ for -: CHIMERA_NUM_CTX=4096.\n"
    "                    Switches take 1, true, on, yes or 0, false, off, no; what\n"
    "                    may be repeated takes a list with commas (headers and model\n"
    "                    options: one). Empty is as not set\n"
    "  OLLAMA_HOST       servers, when nothing above names some: as Ollama reads it,\n"
    "                    or a list\n"
    "  OPENAI_BASE_URL   the server for --api openai and openai-completions; without\n"
    "                    --api also, when OLLAMA_HOST is not set. OPENAI_API_BASE is\n"
    "                    its older name. A URL that ends in /v1 means --api openai\n"
    "  OLLAMA_API_KEY    sent in Ollama's dialects; with --api auto and by fetch only\n"
    "                    to servers of OLLAMA_HOST and to this machine\n"
    "  OPENAI_API_KEY    sent in OpenAI's dialects; without TLS only to the server of\n"
    "                    OPENAI_BASE_URL and to this machine\n"
    "  NO_COLOR, CLICOLOR_FORCE, TERM=dumb   as --color. No escape byte goes but to a\n"
    "                                        terminal\n"
    "\nFILE\n"
    "  TOML. Keys are options, for all commands or in a table for one; _ is as good\n"
    "  as -. Paths are as on the command line. What is no option gets a warning, a\n"
    "  bad value exit code 78.\n"
    "    model = \"gemma3:latest\"\n"
    "    url = [\"http://desk:11434\", \"http://attic:11434\"]\n"
    "    num-ctx = 4096\n"
    "    api-key-file = \"/home/me/key\"      # the key itself is refused\n"
    "    option = {mirostat = 2}\n"
    "    [run]\n"
    "    agents = 2\n"
    "    [profile.fast]                     # with --profile fast\n"
    "    model = \"gemma3:1b\"\n"
    "    [profile.fast.run]\n"
    "    num-predict = 200\n"
    "  Also [ollama1] and [ollama2] with a port, [agent_a] and [agent_b] with\n"
    "  base_url, num_gpu, num_ctx, temperature, ...: the agents of `run`, each with\n"
    "  its own (chimera-hetero). For `sim`, --profile is the simulator's, and its\n"
    "  models stand in [sim].\n"
    "\nEXAMPLES\n"
    "  chimera config run --profile fast\n"
    "  chimera config -f json | jq '.settings[] | select(.from != \"default\")'\n"
    "  mkdir -p \"$(dirname \"$(chimera config --path)\")\"\n";

inline constexpr char kCompletionDetails[] =
    "\nEXAMPLES\n"
    "  bash   eval \"$(chimera completion bash)\"               in ~/.bashrc\n"
    "  zsh    eval \"$(chimera completion zsh)\"                in ~/.zshrc, behind\n"
    "         compinit\n"
    "  fish   chimera completion fish > ~/.config/fish/completions/chimera.fish\n";

inline constexpr char kManDetails[] =
    "\nEXAMPLES\n"
    "  chimera man | man -l -\n"
    "  chimera man > /usr/local/share/man/man1/chimera.1\n";

}  // namespace chimera::cli
