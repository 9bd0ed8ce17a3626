# The rules of tools/lint.sh, file by file. Needs -v root=""; reads the files named as arguments.
#
# Works on "clean" lines: string and character literals emptied, comments gone. The brace stack is a
# heuristic that fits this code: a `{` after namespace, class, struct, union, enum or extern opens a
# scope, after `=` or `]` data, anything with a parenthesis before it a function.

BEGIN {
  split("array atomic bit charconv compare concepts coroutine cstddef cstdint cstring " \
        "initializer_list limits new optional span string string_view tuple type_traits utility " \
        "vector algorithm expected math.h stdio.h stdlib.h string.h", list, " ")
  for (i in list) allowed[list[i]] = 1
}

function complain(line, text) { print FILENAME ":" line ": " text; bad = 1 }

# Sets `clean` from `text`. Block comments and raw strings may go on in the next line.
function make_clean(text,   i, c, n, two, prev) {
  clean = ""
  n = length(text)
  for (i = 1; i <= n; i++) {
    c = substr(text, i, 1)
    two = substr(text, i, 2)
    if (in_comment) { if (two == "*/") { in_comment = 0; i++ } continue }
    if (raw_end != "") {
      if (substr(text, i, length(raw_end)) == raw_end) { i += length(raw_end) - 1; raw_end = ""; clean = clean "\"\"" }
      continue
    }
    if (two == "//") break
    if (two == "/*") { in_comment = 1; i++; continue }
    if (c == "\"" && prev == "R") {
      raw_end = ")" substr(text, i + 1, index(substr(text, i + 1), "(") - 1) "\""
      prev = c
      continue
    }
    if (c == "\"" || (c == "'" && prev !~ /[0-9a-fA-F]/)) {
      for (i++; i <= n && substr(text, i, 1) != c; i++) if (substr(text, i, 1) == "\\") i++
      clean = clean c c
      prev = c
      continue
    }
    clean = clean c
    prev = c
  }
}

# What a `{` opens, from the statement text before it.
function kind_of(text) {
  sub(/[ ]+$/, "", text)
  if (text ~ /(=|\]|return|,|\()$/) return "data"
  if (text ~ /(^|[ >])(namespace|class|struct|union|enum|extern)([ ]|$)/ && text !~ /\)[a-z ]*$/) return "scope"
  if (text ~ /\(/) return "body"
  return text == "" ? "body" : "data"
}

# True when the `[` at position `at` of the clean line starts a lambda with captures.
function captures(at,   before, rest) {
  before = substr(clean, 1, at - 1)
  rest = substr(clean, at)
  sub(/[ ]+$/, "", before)
  if (before ~ /[A-Za-z0-9_)\]\[]$/ && before !~ /(return|co_await|co_return|co_yield)$/) return 0
  return rest ~ /^\[[^][]+\][ ]*([({]|->|mutable|$)/
}

function open_brace(   k) {
  k = kind_of(pending)
  depth++
  kind[depth] = k
  lambda[depth] = pending_lambda ? FNR : 0
  if (k == "body" && !function_depth) { function_depth = depth; function_line = FNR }
  pending = ""
  pending_lambda = 0
}

function close_brace(   length_of) {
  if (depth == function_depth) {
    length_of = FNR - function_line + 1
    if (product && length_of > 80 && long_line < function_line - 1)
      complain(function_line, "function of " length_of " lines (80); cut it, or say `// long: table` if it is one")
    function_depth = 0
  }
  if (depth > 0) depth--
  pending = ""
}

function scan_braces(   i, c, n) {
  n = length(clean)
  for (i = 1; i <= n; i++) {
    c = substr(clean, i, 1)
    if (c == "{") { open_brace(); continue }
    if (c == "}") { close_brace(); continue }
    if (c == "[" && captures(i)) pending_lambda = 1
    if (c == ";") { pending = ""; pending_lambda = 0; continue }
    if (c == "c" && substr(clean, i) ~ /^co_(await|return|yield)/) check_lambda()
    pending = pending c
  }
  pending = pending " "
}

function check_lambda(   d) {
  for (d = depth; d > 0; d--)
    if (lambda[d]) {
      complain(FNR, "coroutine in a lambda with captures (line " lambda[d] "): the captures die with the lambda; use a named function with parameters")
      return
    }
}

# The rest of a co_await expression, which may go on over lines, up to `;` or a block.
function check_await(   rest, at) {
  rest = clean
  if (!in_await) {
    at = match(clean, /(^|[^A-Za-z0-9_])co_await([^A-Za-z0-9_]|$)/)
    if (!at) return
    rest = substr(clean, at)
  }
  in_await = rest !~ /;/ && rest !~ /\)[ ]*\{[ ]*$/
  sub(/;.*/, "", rest)
  sub(/\)[ ]*\{[ ]*$/, "", rest)
  gsub(/[A-Za-z0-9_)\]]\[/, "x(", rest)  # a subscript is no closure
  if (rest ~ /[{[]/)
    complain(FNR, "`{` or `[` in a co_await expression: GCC 12 destroys such a temporary twice; name it in a line before")
}

function check_include(   header) {
  if (!product || $0 !~ /^[ ]*#[ ]*include[ ]*</) return
  header = $0
  sub(/^[^<]*</, "", header)
  sub(/>.*/, "", header)
  if (header in allowed) return
  if (in_sys && header ~ /\.h$/) return
  if (FILENAME ~ /^src\/net\/(tls|mbedtls)/ && header ~ /^(mbedtls|psa)\//) return
  if (header ~ /\.h$/)
    complain(FNR, "<" header ">: OS and C headers belong in src/sys; elsewhere only math.h stdio.h stdlib.h string.h")
  else
    complain(FNR, "<" header "> is not on the allow-list (tools/lint.awk): it costs size or does not build with musl")
}

function end_file() {
  if (last_file != "" && product && last_line > 600)
    print last_file ":" last_line ": file of " last_line " lines (600); split it by what it knows"
  if (last_file != "" && product && last_line > 600) bad = 1
}

FNR == 1 {
  end_file()
  last_file = FILENAME
  source = FILENAME ~ /\.(cpp|hpp|h|c)$/
  product = source && FILENAME ~ /^(\.\/)?(src|include)\//
  in_sys = FILENAME ~ /^(\.\/)?src\/sys\//
  depth = function_depth = in_comment = in_await = in_macro = 0
  long_line = -1
  raw_end = pending = ""
}

{
  last_line = FNR
  if (/\t/) complain(FNR, "tab; use spaces")
  if (/[ \t\r]$/) complain(FNR, "blank at the end of the line; remove it")
  if (FILENAME !~ /lint(\.awk|_test\.py)$/ && /(^|[^A-Za-z_])(TODO|FIXME|XXX)([^A-Za-z_]|$)/)
    complain(FNR, "open mark; do it now, or write an issue")
  if (source && length($0) > 100) complain(FNR, length($0) " columns (100); break the line")
  if (!source) next
  if (/\/\/ long:/) long_line = FNR
  check_include()
  make_clean($0)
  if (in_macro || clean ~ /^[ ]*#/) { in_macro = clean ~ /\\$/; next }
  if (product && clean ~ /(^|[^A-Za-z0-9_])atomic_thread_fence([^A-Za-z0-9_]|$)/)
    complain(FNR, "stand-alone fence: ThreadSanitizer cannot see it; put the order on the atomic operation")
  if (product && !in_sys && clean ~ /(^|[^A-Za-z0-9_.:>])(printf|fprintf|fopen|fread|sscanf|getenv)[ ]*\(/)
    complain(FNR, "C input and output belong in src/sys; elsewhere only snprintf and strtod")
  check_await()
  scan_braces()
}

END { end_file(); exit bad }
