// Words for the system's error numbers.
//
// Thread: any.
#pragma once

namespace chimera::sys {

// "no space left on device"; "error 123" in a buffer of the thread's for numbers that a program of
// this kind does not meet. The same words on every platform, in lower case: they end a line of
// ours.
const char* error_words(int os_error);

}  // namespace chimera::sys
