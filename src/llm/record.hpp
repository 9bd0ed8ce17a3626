// One JSON record of an answer, by tables of the fields that are known of each dialect.
#pragma once

#include "chimera/llm/answer.hpp"

namespace chimera::llm {

// Reads `json` into `record` (which is empty) and the counts into `call`. Errors: see AnswerReader.
Result<void> read_record(bool openai, std::string_view json, Call& call, Record& record);

// The failure that a server's words stand for; they become call.error_text.
Error error_of_words(std::string_view body, Call& call);

}  // namespace chimera::llm
