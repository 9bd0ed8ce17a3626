// Numbers from text and to text, locale-independent and exact.
//
// Thread: any. Errors: bad_input.
// Cost: doubles are converted by src/base/decimal.hpp, because to_chars(double) alone adds 218 KB
// to a static binary, and the C library's strtod and printf 20 KB.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/base/result.hpp"

namespace chimera {

// Decimal digits only: no sign, no blank, no overflow.
Result<uint64_t> parse_u64(std::string_view text);
// An optional '-', then decimal digits.
Result<int64_t> parse_i64(std::string_view text);
// The whole text as a decimal floating-point number as C's strtod reads it ("1e3", "-.5", "+2."),
// but no hexadecimal, "inf" or "nan", and no surrounding blanks. Overflow is an error, underflow
// is 0.
Result<double> parse_double(std::string_view text);
// "1k", "8k", "64k", "1m", "2G", "4096": a byte count; k = 1024.
Result<uint64_t> parse_size(std::string_view text);

void append_u64(std::string& out, uint64_t value);
void append_i64(std::string& out, int64_t value);
// `decimals` (0 to 64) digits after the point, rounded half to even on the exact value:
// append_fixed(s, 99.4, 2) -> "99.40".
void append_fixed(std::string& out, double value, int decimals);
// The fewest digits that read back as the same double, in the form serde_json and JavaScript-like
// writers agree on: always with a fraction or an exponent ("1.0", "0.00001", "99.4031783815078",
// "1e16", "1e-6"). The digits are those of Python's repr.
// Not finite -> "null" (JSON has no such number).
void append_shortest(std::string& out, double value);
// 1234567 -> "1,234,567", for people only.
void append_grouped(std::string& out, uint64_t value);

}  // namespace chimera
