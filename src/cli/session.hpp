// Conversations that go on: a file with the messages so far.
//
// Thread: main thread.
#pragma once

#include <string>
#include <vector>

#include "chimera/llm/call.hpp"

namespace chimera::cli {

// Where -c keeps its conversation: $XDG_STATE_HOME/chimera/session.json, else
// ~/.local/state/chimera/session.json; empty when there is no home.
std::string default_session();

// Reads {"schema": "chimera.session/1", "messages": [...]}. A file that is not there is an empty
// conversation. Errors: bad_input, io.
Result<void> load_session(const std::string& path, std::vector<llm::Message>& messages);
// The part of a path in front of its last name.
std::string folder_of(const std::string& path);
// Whole or not at all; makes the folder of default_session(), no other. Errors: io, not_found.
Result<void> save_session(const std::string& path, const std::vector<llm::Message>& messages);

// A message as write_message() writes it (cli/calls.hpp). Errors: bad_input.
Result<llm::Message> parse_message(std::string_view json);

}  // namespace chimera::cli
