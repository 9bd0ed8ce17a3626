#include "chimera/sys/process.hpp"

#include <windows.h>

#include <psapi.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/file.hpp"
#include "wide.hpp"

// Of the C library: the command line, split as programs here expect.
extern "C" int __wgetmainargs(int* count, wchar_t*** arguments, wchar_t*** environment, int expand,
                              int* new_mode);

namespace chimera::sys {
namespace {

constexpr size_t kMaxLine = 64 * 1024;
constexpr DWORD kPollMs = 2;         // between two looks at a child's pipe
constexpr DWORD kStopMs = 2000;      // to end in good order
constexpr int kInterrupt = 2, kTerminate = 15, kKill = 9;   // the numbers elsewhere

HANDLE native(Handle h) { return reinterpret_cast<HANDLE>(h); }
int last_error() { return static_cast<int>(GetLastError()); }

Nanos duration(const FILETIME& t) {
  return static_cast<Nanos>(uint64_t{t.dwHighDateTime} << 32 | t.dwLowDateTime) * 100;
}

// Kept until the end: the program's arguments and variables are views of it.
const char* keep(std::wstring_view text) {
  const std::string utf8 = narrow(text);
  char* const kept = new char[utf8.size() + 1];
  utf8.copy(kept, utf8.size());
  kept[utf8.size()] = '\0';
  return kept;
}

std::vector<const char*>& variables() {
  static std::vector<const char*> all;
  return all;
}

void read_variables() {
  wchar_t* const block = GetEnvironmentStringsW();
  for (const wchar_t* at = block; at != nullptr && *at != 0;) {
    const std::wstring_view one(at);
    if (one[0] != L'=') variables().push_back(keep(one));   // "=C:=C:\here" is the shell's own
    at += one.size() + 1;
  }
  FreeEnvironmentStringsW(block);
  variables().push_back(nullptr);
}

// --- the console ---

UINT g_code_page = 0;   // the console's own, to be put back

void restore_console() {
  if (g_code_page != 0) SetConsoleOutputCP(g_code_page);
}

// A console that does not know escape sequences counts as none.
bool g_plain_console[3];

void prepare_console() {
  const DWORD numbers[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
  for (int i = 1; i <= 2; ++i) {
    const HANDLE h = GetStdHandle(numbers[i]);
    DWORD mode = 0;
    if (!GetConsoleMode(h, &mode)) continue;
    g_plain_console[i] = !SetConsoleMode(h, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
    if (g_code_page != 0) continue;
    g_code_page = GetConsoleOutputCP();
    SetConsoleOutputCP(CP_UTF8);
    atexit(restore_console);
  }
}

// --- stop signals ---

std::atomic<int> g_stop{0};
void (*g_on_stop)(void*) = nullptr;
void* g_on_stop_argument = nullptr;

// Runs on a thread of the system's.
BOOL WINAPI handle_stop(DWORD event) {
  const int number = event == CTRL_C_EVENT ? kInterrupt : kTerminate;
  int first = 0;
  if (!g_stop.compare_exchange_strong(first, number)) exit_now(128 + number);
  if (g_on_stop != nullptr) g_on_stop(g_on_stop_argument);
  // Once this returns from one of the others, the system ends the program.
  if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT) Sleep(INFINITE);
  return TRUE;
}

// --- children ---

// "The parsing of C command-line arguments": backslashes count only in front of a quote.
void append_quoted(std::wstring& line, std::wstring_view argument) {
  line += L'"';
  size_t backslashes = 0;
  for (const wchar_t c : argument) {
    if (c == L'"') line.append(backslashes + 1, L'\\');
    backslashes = c == L'\\' ? backslashes + 1 : 0;
    line += c;
  }
  line.append(backslashes, L'\\');
  line += L'"';
}

std::wstring own_path() {
  std::wstring path(32768, L'\0');
  path.resize(GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size())));
  return path;
}

// What is in it ends when its last handle is closed, and that happens when this process ends.
HANDLE children() {
  static HANDLE job = nullptr;
  if (job != nullptr) return job;
  job = CreateJobObjectW(nullptr, nullptr);
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit{};
  limit.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit);
  return job;
}

HANDLE inheritable(HANDLE h) {
  HANDLE copy = nullptr;
  DuplicateHandle(GetCurrentProcess(), h, GetCurrentProcess(), &copy, 0, TRUE,
                  DUPLICATE_SAME_ACCESS);
  return copy;
}

// Milliseconds until `deadline`, rounded up so that it never ends early.
DWORD milliseconds(Nanos deadline) {
  if (deadline == kNever) return INFINITE;
  const Nanos left = std::max<Nanos>(0, deadline - now());
  return static_cast<DWORD>(std::min<Nanos>(left / kMilli + (left % kMilli != 0), 1 << 30));
}

}  // namespace

int64_t peak_rss_kib() {
  PROCESS_MEMORY_COUNTERS m{};
  K32GetProcessMemoryInfo(GetCurrentProcess(), &m, sizeof m);
  return static_cast<int64_t>(m.PeakWorkingSetSize / 1024);
}

Usage usage() {
  FILETIME created, ended, kernel, user;
  if (!GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user)) return {};
  return {.user = duration(user), .system = duration(kernel)};
}

SystemInfo system_info() {
  SystemInfo s;
  s.os = "windows";
  s.arch = sizeof(void*) == 8 ? "x86_64" : "i686";
  wchar_t name[256];
  DWORD size = 256;
  if (GetComputerNameExW(ComputerNameDnsHostname, name, &size)) {
    s.hostname = narrow(std::wstring_view(name, size));
  }
  // GetVersionEx says 6.2 to all who do not name the versions they know.
  using GetVersion = LONG WINAPI(OSVERSIONINFOW*);
  GetVersion* const get = reinterpret_cast<GetVersion*>(reinterpret_cast<void*>(
      GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "RtlGetVersion")));
  OSVERSIONINFOW v{};
  v.dwOSVersionInfoSize = sizeof v;
  if (get != nullptr && get(&v) == 0) {
    for (const DWORD part : {v.dwMajorVersion, v.dwMinorVersion, v.dwBuildNumber}) {
      if (!s.kernel.empty()) s.kernel += '.';
      append_u64(s.kernel, part);
    }
  }
  return s;
}

int64_t executable_bytes() {
  const Result<FileInfo> info = file_info(narrow(own_path()), true);
  return info ? static_cast<int64_t>(info->size) : 0;
}

std::string_view env(const char* name) {
  const std::string_view wanted(name);
  for (const char* one : variables()) {
    if (one == nullptr) break;
    const std::string_view v(one);
    if (v.size() > wanted.size() && v[wanted.size()] == '=' &&
        iequals(v.substr(0, wanted.size()), wanted)) {
      return v.substr(wanted.size() + 1);
    }
  }
  return {};
}

// Those who have HOME set here use programs from elsewhere, and look for their files where those
// do.
std::string home_folder(std::string_view below) {
  std::string path(env("HOME"));
  return path.empty() ? std::string(env("APPDATA")) : path.append(below);
}

const char* const* environment() { return variables().data(); }

void set_variable(const char* literal) {
  const std::string_view all(literal);
  const size_t equals = all.find('=');
  const std::wstring value = wide(all.substr(equals + 1));
  SetEnvironmentVariableW(wide(all.substr(0, equals)).c_str(), value.c_str());
  variables().insert(variables().begin(), literal);
}

Result<Child> Child::start_self(std::string_view arguments) {
  return spawn(nullptr, nullptr, arguments, false);
}

Result<Child> Child::start(const std::string& program, std::string_view arguments) {
  return spawn(nullptr, program.empty() ? nullptr : program.c_str(), arguments, true);
}

Result<Child> Child::spawn(const char*, const char* program, std::string_view arguments,
                           bool whole) {
  const std::wstring path = program == nullptr ? own_path() : wide(program);
  std::wstring line;
  append_quoted(line, path);
  for (std::string_view argument; next_part(arguments, '\0', argument);) {
    line += L' ';
    append_quoted(line, wide(argument));
  }
  HANDLE reader = nullptr, writer = nullptr;
  if (!CreatePipe(&reader, &writer, nullptr, 0)) return fail(Errc::io, "pipe", last_error());
  STARTUPINFOW start{};
  start.cb = sizeof start;
  start.dwFlags = STARTF_USESTDHANDLES;
  SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
  start.hStdInput = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                &inherited, OPEN_EXISTING, 0, nullptr);
  start.hStdOutput = inheritable(writer);
  start.hStdError = inheritable(whole ? writer : GetStdHandle(STD_ERROR_HANDLE));
  PROCESS_INFORMATION process{};
  // Suspended, so that it is in the job before it can do anything; a group of its own, so that
  // Ctrl-C is ours to handle.
  const BOOL started = CreateProcessW(path.c_str(), line.data(), nullptr, nullptr, TRUE,
                                      CREATE_SUSPENDED | CREATE_NEW_PROCESS_GROUP, nullptr,
                                      nullptr, &start, &process);
  const int why = last_error();
  for (const HANDLE h : {start.hStdInput, start.hStdOutput, start.hStdError, writer}) {
    CloseHandle(h);
  }
  if (!started) {
    CloseHandle(reader);
    return fail(Errc::io, "start", why);
  }
  AssignProcessToJobObject(children(), process.hProcess);
  ResumeThread(process.hThread);
  CloseHandle(process.hThread);
  Child child;
  child.pid_ = reinterpret_cast<intptr_t>(process.hProcess);
  child.out_ = reinterpret_cast<Handle>(reader);
  return child;
}

// The pipe is looked at in steps: a read of one cannot be given a deadline.
Result<std::string> Child::read_line(Nanos deadline) {
  for (;;) {
    const size_t end = pending_.find('\n');
    if (std::min(end, pending_.size()) > kMaxLine) return fail(Errc::too_large, "child's line");
    if (end != pending_.npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    if (out_ == kNoHandle) return fail(Errc::closed, "child");
    DWORD there = 0;
    if (!PeekNamedPipe(native(out_), nullptr, 0, nullptr, &there, nullptr)) {
      return fail(Errc::closed, "child");
    }
    if (there == 0) {
      if (now() >= deadline) return fail(Errc::timed_out, "child");
      Sleep(kPollMs);
      continue;
    }
    char bytes[4096];
    DWORD n = 0;
    if (!ReadFile(native(out_), bytes, sizeof bytes, &n, nullptr) || n == 0) {
      return fail(Errc::closed, "child");
    }
    pending_.append(bytes, n);
  }
}

Result<int> Child::wait(Nanos deadline) {
  const HANDLE process = reinterpret_cast<HANDLE>(static_cast<intptr_t>(pid_));
  if (WaitForSingleObject(process, milliseconds(deadline)) != WAIT_OBJECT_0) {
    return fail(Errc::timed_out, "child");
  }
  DWORD code = 0;
  GetExitCodeProcess(process, &code);
  CloseHandle(process);
  pid_ = 0;
  if (out_ != kNoHandle) CloseHandle(native(std::exchange(out_, kNoHandle)));
  return static_cast<int>(code);
}

void Child::stop() {
  if (pid_ == 0) return;
  const HANDLE process = reinterpret_cast<HANDLE>(static_cast<intptr_t>(pid_));
  CloseHandle(native(out_));   // now, so that a child stuck in a write gets on with ending
  const bool asked = GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, GetProcessId(process));
  if (WaitForSingleObject(process, asked ? kStopMs : 0) != WAIT_OBJECT_0) {
    TerminateProcess(process, 128 + kKill);
    WaitForSingleObject(process, INFINITE);
  }
  CloseHandle(process);
  pid_ = 0;
  out_ = kNoHandle;
  pending_.clear();
}

void catch_stop_signals(void (*on_stop)(void*), void* argument) {
  g_on_stop = on_stop;
  g_on_stop_argument = argument;
  SetConsoleCtrlHandler(nullptr, FALSE);   // a new group's members ignore Ctrl-C until then
  SetConsoleCtrlHandler(handle_stop, TRUE);
}

int stop_signal() { return g_stop.load(); }

void begin_program(int& count, char**& arguments) {
  prepare_console();
  read_variables();
  wchar_t **wide_arguments = nullptr, **unused = nullptr;
  int new_mode = 0;
  if (__wgetmainargs(&count, &wide_arguments, &unused, 0, &new_mode) != 0) return;
  arguments = new char*[static_cast<size_t>(count) + 1];
  for (int i = 0; i < count; ++i) arguments[i] = const_cast<char*>(keep(wide_arguments[i]));
  arguments[count] = nullptr;
}

Result<void> allow_handles(uint64_t) { return {}; }

bool is_terminal(int stream) {
  const DWORD numbers[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
  DWORD mode = 0;
  return GetConsoleMode(GetStdHandle(numbers[stream]), &mode) && !g_plain_console[stream];
}

int terminal_columns() {
  CONSOLE_SCREEN_BUFFER_INFO info{};
  const bool known = GetConsoleScreenBufferInfo(GetStdHandle(STD_ERROR_HANDLE), &info);
  const int columns = info.srWindow.Right - info.srWindow.Left + 1;
  return known && columns > 1 ? columns : 80;
}

void exit_now(int code) {
  restore_console();
  _exit(code);
}

}  // namespace chimera::sys
