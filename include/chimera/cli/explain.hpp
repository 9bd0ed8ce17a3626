// Errors in words, and their exit codes: the one place where both are decided.
//
// Thread: any.
#pragma once

#include <string>
#include <string_view>

#include "chimera/base/result.hpp"

namespace chimera::cli {

// Contract section 4.
int exit_code(const Error& e);

// The class of an error in a word, for programs: "refused", "busy", "truncated", ...
const char* class_of(const Error& e);

// "nothing listens on 127.0.0.1:11434: start Ollama, or add --sim". `subject` is the URL or file it
// is about, `words` what a server or parser said; either may be empty. No newline, always
// printable.
// Without `remedy` it does not say what to do about it.
std::string explain(const Error& e, std::string_view subject, std::string_view words,
                    bool remedy = true);

// One line on stderr: "chimera: <what>: <explanation>".
void complain(std::string_view what, const Error& e, std::string_view subject,
              std::string_view words = {});
// "; did you mean <before><name>?"; nothing without a name.
std::string did_you_mean(std::string_view before, std::string_view name);
// "<words>: see chimera <command> --help", unless they end in a question or name a help; `command`
// may be empty.
std::string with_help(std::string words, std::string_view command);
void say(std::string_view line);       // "chimera: <line>" on stderr, made printable

// Writes to stdout. The exit code comes back: 0; 141, quietly, when nobody reads; 74 with a line.
int print(std::string_view text);

}  // namespace chimera::cli
