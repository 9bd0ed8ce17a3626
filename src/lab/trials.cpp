// Finding result files. Folders are walked in the order of their names, files are read as they are
// met, and trials sorted at the end.
#include "chimera/lab/trials.hpp"

#include <algorithm>

#include "chimera/base/rng.hpp"
#include "chimera/base/sort.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"

namespace chimera::lab {
namespace {

using sys::FileInfo;

constexpr size_t kFileBytes = 64u << 20;
constexpr size_t kFiles = 100'000;
constexpr int kDepth = 64;             // folders below a PATH

const char* why_not(Errc code) {
  if (code == Errc::not_found) return "not there";
  if (code == Errc::too_large) return "larger than 64 MiB";
  return code == Errc::bad_input ? "not a regular file" : "cannot be read";
}

class Walk {
 public:
  explicit Walk(TrialSet& set) : set_(set), seen_(kSlots) {}

  void path(const std::string& path, int depth);

 private:
  static constexpr size_t kSlots = 1u << 18;   // a power of 2, more than twice kFiles

  void folder(const std::string& path, int depth);
  bool file(const std::string& path, const FileInfo& info);
  bool is_copy(const std::string& path, const FileInfo& info);
  uint64_t& slot_of(const FileInfo& info);
  void skip(const std::string& path, Errc code, const char* why) {
    if (set_.skipped.size() < kFiles) set_.skipped.push_back({path, why, code});
  }

  TrialSet& set_;
  // The files that were read, by a hash of what they are; 0 = free, the lowest bit: it has trials.
  std::vector<uint64_t> seen_;
  size_t files_ = 0;
};

void Walk::path(const std::string& path, int depth) {
  if (sys::stop_signal() != 0) return;   // PATH may be "/"
  const auto info = sys::file_info(path, true);
  if (!info) return skip(path, info.error().code, why_not(info.error().code));
  if (info->kind == FileInfo::Kind::directory) return folder(path, depth);
  if (info->kind == FileInfo::Kind::regular) {
    file(path, *info);
  } else {
    skip(path, Errc::unsupported, why_not(Errc::bad_input));
  }
}

void Walk::folder(const std::string& path, int depth) {
  if (depth > kDepth) return skip(path, Errc::too_large, "folders nested too deep");
  const auto entries = sys::list_directory(path);
  if (!entries) return skip(path, entries.error().code, why_not(entries.error().code));
  for (const sys::DirectoryEntry& entry : *entries) {
    const std::string_view name = entry.name;
    std::string below = path;
    if (!below.ends_with('/')) below += '/';
    below += name;
    const auto info = sys::file_info(below, true);
    // What is neither a folder nor called like a result is not worth a word.
    const bool is_folder = info && info->kind == FileInfo::Kind::directory;
    const bool wanted =
        is_folder ? !entry.is_link && name != ".git" && name != ".unfinished"
                  : name.ends_with(".json") && name != "summary.json" && name != "bench.json";
    if (wanted) this->path(below, depth + 1);
  }
}

// `bench` and upstream's sweep keep one trial as run_<k>/metrics.json, run_<k>/run_1/metrics.json
// or both. The outer one counts, whichever comes first.
bool Walk::is_copy(const std::string& path, const FileInfo& info) {
  constexpr std::string_view kInner = "/run_1/metrics.json";
  constexpr size_t kRun = 6;   // "/run_1"
  if (!path.ends_with(kInner)) return false;
  std::string outer = path;
  outer.erase(path.size() - kInner.size(), kRun);
  const auto above = sys::file_info(outer, true);
  if (!above || !file(outer, *above)) return false;
  if (above->size != info.size) skip(path, Errc::bad_input, "not what the folder above it has");
  return true;
}

// True when the file has trials, be it that they were counted before.
bool Walk::file(const std::string& path, const FileInfo& info) {
  const uint64_t identity = (mix_seed(info.device, info.inode) | 3) - 1;
  size_t at = identity / 4 % kSlots;
  while (seen_[at] != 0 && (seen_[at] | 1) - 1 != identity) at = (at + 1) % kSlots;
  uint64_t& mine = seen_[at];
  if (mine != 0) return (mine & 1) != 0;
  if (files_ > kFiles) return false;
  if (++files_ > kFiles) {
    skip(path, Errc::too_large, "too many files, the rest is left out");
    return false;
  }
  mine = identity;
  if (!is_copy(path, info)) {
    const auto text = sys::read_file(path, kFileBytes);
    if (!text) {
      skip(path, text.error().code, why_not(text.error().code));
      return false;
    }
    const std::string why =
        trim(*text).empty() ? std::string("empty") : read_trial_text(*text, path, set_);
    if (!why.empty()) {
      skip(path, Errc::bad_input, why.c_str());
      return false;
    }
  }
  mine |= 1;
  return true;
}

bool before(const Trial& a, const Trial& b, TrialOrder by) {
  const Trial::Number number =
      by == TrialOrder::time ? Trial::finished_s : Trial::run_number;
  int order = 0;
  if (by == TrialOrder::config) order = compare_natural(a.config, b.config);
  if (order == 0 && by != TrialOrder::time) order = compare_natural(a.runtime, b.runtime);
  if (order == 0 && by == TrialOrder::runtime) order = compare_natural(a.config, b.config);
  const double m = a[number], n = b[number];
  if (order == 0 && m != n) return m < n || (m == m && n != n);   // NaN goes last
  if (order == 0) order = compare_natural(a.path, b.path);
  return order < 0;
}

}  // namespace

TrialSet::TrialSet(std::span<const std::string> names)
    : metrics(names.begin(), names.end()), ambiguous(names.size()) {
  CHI_CHECK(names.size() <= Trial::kMetrics);
}

TrialSet::~TrialSet() {
  for (const Trial* trial : trials) delete trial;
}

// Runs of digits are compared by length first, so where the texts part is all there is to see.
int compare_natural(std::string_view a, std::string_view b) {
  size_t i = 0;
  while (i < a.size() && i < b.size() && a[i] == b[i]) ++i;
  const auto digits = [&](std::string_view s) {
    size_t end = i;
    while (end < s.size() && is_digit(s[end])) ++end;
    return end - i;
  };
  const size_t m = digits(a), n = digits(b);
  const bool numbers = (m > 0 && n > 0) || (i > 0 && is_digit(a[i - 1]));
  if (numbers && m != n) return m < n ? -1 : 1;
  return a.substr(i).compare(b.substr(i));
}

std::string reason_words(Reasons reasons) {
  std::string out;
  for (int v = 1; v <= static_cast<int>(llm::Validity::empty); ++v) {
    const auto validity = static_cast<llm::Validity>(v);
    if ((reasons & reason(validity)) == 0) continue;
    if (!out.empty()) out += ", ";
    out += llm::name_of(validity);
  }
  return out;
}

Result<void> read_trials(std::span<const std::string> paths, TrialSet& set) {
  Walk walk(set);
  for (const std::string& path : paths) walk.path(sys::slashed(path), 0);
  if (sys::stop_signal() != 0) return fail(Errc::cancelled, "folder walk");
  sort_trials(set.trials, TrialOrder::runtime);
  return {};
}

void sort_trials(std::span<Trial*> trials, TrialOrder by) {
  sort_places(trials.size(),
              [=](size_t i, size_t k) { return before(*trials[i], *trials[k], by); },
              [=](size_t i, size_t k) { std::swap(trials[i], trials[k]); });
}

}  // namespace chimera::lab
