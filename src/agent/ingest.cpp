// How ingestion works: Walk lists the tree into entries: files to read, and things to skip with
// the reason. They are sorted once by path, so that files, skips and "first value wins" follow the
// same order on every system. step() then takes one entry that is a file, and all skips before it.
#include "chimera/agent/ingest.hpp"

#include <algorithm>

#include "chimera/base/sort.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "ingest_parts.hpp"

namespace chimera::agent {

static constexpr const char* kNames[kFileKinds] = {"csv", "json", "markdown"};

const char* name_of(FileKind kind) { return kNames[static_cast<size_t>(kind)]; }

void add_note(Inventory& inventory, const char* note) {
  for (const char* n : inventory.notes) {
    if (n == note) return;
  }
  inventory.notes.push_back(note);
}

namespace {

constexpr const char* kTooDeep = "folders nested too deep are left out";
constexpr const char* kTooMany = "too many files, the rest is left out";

// True when the name ends in one of the extensions of ingestion, and `kind` then says which.
bool kind_by_name(std::string_view name, FileKind& kind) {
  const size_t dot = name.rfind('.');
  if (dot == name.npos) return false;
  const std::string_view extension = name.substr(dot + 1);
  for (size_t i = 0; i < kFileKinds; ++i) {
    kind = static_cast<FileKind>(i);
    if (iequals(extension, kNames[i])) return true;
  }
  return iequals(extension, "md");
}

const char* why_refused(Errc code) {
  if (code == Errc::not_found) return "gone";
  if (code == Errc::too_large) return "too large";
  return code == Errc::bad_input ? "not a regular file" : "cannot be read";
}

std::string joined(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  return folder.ends_with('/') ? folder + name : folder + '/' + name;
}

}  // namespace

// Lists a tree. Not recursive: folders wait in `folders_`.
class Walk {
 public:
  explicit Walk(Ingest& to) : to_(to) {}

  Result<void> all();

 private:
  struct Folder {
    std::string path;    // relative, "" is the root
    int depth = 0;
    bool markdown = true;
  };

  bool has_folder(const char* name);
  bool left_out(const sys::FileInfo& info) const;
  void visit(const Folder& folder, const sys::DirectoryEntry& entry);
  void add(Ingest::Entry entry);
  void refuse(std::string path, Errc code, const char* why) {
    add({std::move(path), FileKind::csv, why, code});
  }

  Ingest& to_;
  std::vector<Folder> folders_;
  bool full_ = false;
};

void Walk::add(Ingest::Entry entry) {
  full_ = to_.entries_.size() >= to_.options_.files;
  if (full_) return add_note(to_.inventory_, kTooMany);
  to_.entries_.push_back(std::move(entry));
}

bool Walk::left_out(const sys::FileInfo& info) const {
  const auto& [a, b] = to_.options_.without;
  return (info.inode == a.inode && info.device == a.device) ||
         (info.inode == b.inode && info.device == b.device);
}

bool Walk::has_folder(const char* name) {
  const auto info = sys::file_info(joined(to_.inventory_.root, name), false);
  return info && info->kind == sys::FileInfo::Kind::directory && !left_out(*info);
}

Result<void> Walk::all() {
  const std::string& root = to_.inventory_.root;
  CHI_TRY(const sys::FileInfo info, sys::file_info(root, true));
  if (info.kind != sys::FileInfo::Kind::directory) return fail(Errc::bad_input, "not a folder");
  if (has_folder("csv_data")) folders_.push_back({"csv_data", 1, false});
  if (has_folder("reports")) folders_.push_back({"reports", 1, true});
  if (folders_.empty()) folders_.push_back({});

  while (!folders_.empty()) {
    if (sys::stop_signal() != 0) return fail(Errc::cancelled, "folder walk");   // DIR may be "/"
    const Folder folder = std::move(folders_.back());
    folders_.pop_back();
    auto entries = sys::list_directory(joined(root, folder.path));
    if (!entries && folder.path.empty()) return fail(entries.error());
    if (!entries) {
      refuse(folder.path, entries.error().code, "folder cannot be read");
      continue;
    }
    for (const sys::DirectoryEntry& entry : *entries) {
      visit(folder, entry);
      if (full_) return {};
    }
  }
  return {};
}

void Walk::visit(const Folder& folder, const sys::DirectoryEntry& entry) {
  using Kind = sys::FileInfo::Kind;
  std::string path = joined(folder.path, entry.name);
  FileKind kind{};
  const bool wanted =
      kind_by_name(entry.name, kind) && (kind != FileKind::markdown || folder.markdown);
  if (entry.is_file) return wanted ? add({std::move(path), kind, nullptr, Errc{}}) : void();
  const auto info = sys::file_info(joined(to_.inventory_.root, path), true);
  if (!info) {
    const Errc code = info.error().code;
    return refuse(std::move(path), code,
                  entry.is_link ? "link that leads nowhere" : why_refused(code));
  }
  if (info->kind == Kind::directory) {
    if (entry.is_link) return refuse(std::move(path), Errc::unsupported, "link to a folder");
    if (entry.name == ".git" || left_out(*info)) return;
    if (folder.depth == to_.options_.depth) return add_note(to_.inventory_, kTooDeep);
    folders_.push_back({std::move(path), folder.depth + 1, folder.markdown});
    return;
  }
  if (info->kind != Kind::regular) {
    return refuse(std::move(path), Errc::unsupported, "not a regular file");
  }
  if (wanted) add({std::move(path), kind, nullptr, Errc{}});
}

Result<Ingest> Ingest::open(std::string root, const IngestOptions& options) {
  Ingest made;
  made.options_ = options;
  made.inventory_.root = std::move(root);
  CHI_TRY_VOID(Walk(made).all());
  Entry* const e = made.entries_.data();
  sort_places(made.entries_.size(),
              [e](size_t i, size_t k) { return e[i].path < e[k].path; },
              [e](size_t i, size_t k) { std::swap(e[i], e[k]); });
  return made;
}

bool Ingest::step() {
  while (at_ < entries_.size()) {
    const Entry& entry = entries_[at_++];
    if (!entry.refused) {
      take(entry);
      break;
    }
    inventory_.skipped.push_back({entry.path, entry.refused, entry.code});
  }
  return at_ < entries_.size();
}

void Ingest::take(const Entry& entry) {
  const auto skip = [&](Errc code, std::string why) {
    inventory_.skipped.push_back({entry.path, std::move(why), code});
  };
  const std::string path = joined(inventory_.root, entry.path);
  sys::FileInfo info;
  const auto text = sys::read_file(path, options_.file_bytes, &info);
  if (!text) return skip(text.error().code, why_refused(text.error().code));
  if (text->empty()) return skip(Errc::bad_input, "empty");
  if (!is_utf8(*text)) return skip(Errc::bad_input, "not UTF-8");

  IngestedFile file;
  file.kind = entry.kind;
  file.path = entry.path;
  file.bytes = text->size();
  // Kept inside what nanoseconds since 1970 can say, for the stamps of reports.
  file.modified_s = std::clamp(info.mtime_s, int64_t{-9'000'000'000}, int64_t{9'000'000'000});
  std::string why;
  if (entry.kind == FileKind::csv) why = take_csv(*text, file, inventory_, options_.metrics);
  if (entry.kind == FileKind::json) why = take_json(*text, file, inventory_, options_.metrics);
  if (entry.kind == FileKind::markdown) take_markdown(*text, file, inventory_);
  if (!why.empty()) return skip(Errc::bad_input, std::move(why));
  ++inventory_.files_of[static_cast<size_t>(entry.kind)];
  inventory_.total_bytes += file.bytes;
  inventory_.files.push_back(std::move(file));
}

Result<Inventory> ingest(std::string root, const IngestOptions& options) {
  CHI_TRY(Ingest run, Ingest::open(std::move(root), options));
  while (run.step()) continue;
  return std::move(run.inventory());
}

}  // namespace chimera::agent
