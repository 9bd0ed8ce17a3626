// Long options take their value behind '=' or as the next argument, short ones as the next argument
// or joined ("-t5s"); switches may be joined ("-vv"). "--" ends the options. An option is looked up
// in the one table (options.cpp).
#include <string.h>

#include "chimera/base/text.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/layers.hpp"
#include "chimera/cli/presets.hpp"

namespace chimera::cli {

void append_quoted(std::string& out, std::string_view word) {
  bool plain = !word.empty();
  for (const char c : word)
    plain = plain && (is_alpha(c) || is_digit(c) || strchr("_./:=,@%+-", c));
  if (plain) {
    out.append(word);
    return;
  }
  out.push_back('\'');
  for (const char c : word) {
    if (c == '\'') out.append("'\\'");
    out.push_back(c);
  }
  out.push_back('\'');
}

// A quoted metavar is one value that may hold blanks.
bool takes_two(const Option& o) {
  return o.metavar != nullptr && o.metavar[0] != '\'' && strchr(o.metavar, ' ') != nullptr;
}

// For the record; what may be secret is not.
void note(std::string& line, const Option& o, std::string_view value) {
  line.append(" --").append(o.name);
  if (o.metavar == nullptr || (value_optional(o) && value.empty())) return;
  line.push_back(takes_two(o) ? ' ' : '=');
  const size_t equals = takes_two(o) ? value.find('=') : std::string_view::npos;
  if (equals != std::string_view::npos) {
    append_quoted(line, value.substr(0, equals));
    line.push_back(' ');
    value.remove_prefix(equals + 1);
  }
  append_quoted(line, o.letter == 'H' ? "***" : value);
}

class Parser {
 public:
  Parser(Commands command, Commands own, std::span<char* const> arguments, Settings& s,
         Layers& layers)
      : command_(command), own_(own), rest_(arguments), s_(s), layers_(layers) {}

  Result<void> run() {
    while (!rest_.empty()) {
      const std::string_view a = take();
      if (a == "--") {
        layers_.line.append(" --");
        while (!rest_.empty()) positional(take());
      } else if (a.size() > 2 && a.starts_with("--")) {
        CHI_TRY_VOID(long_option(a.substr(2)));
      } else if (a.size() > 1 && a[0] == '-') {
        CHI_TRY_VOID(short_options(a.substr(1)));
      } else {
        positional(a);
      }
    }
    return {};
  }

 private:
  std::string_view take() {
    const std::string_view a = rest_.front();
    rest_ = rest_.subspan(1);
    return a;
  }

  void positional(std::string_view a) {
    s_.positional.emplace_back(a);
    layers_.line.push_back(' ');
    append_quoted(layers_.line, a);
  }

  Result<void> wrong(std::string_view option, std::string_view why) {
    layers_.what = option;
    layers_.what.append(": ").append(why);
    return fail(Errc::usage, "arguments");
  }

  Result<void> unknown(std::string_view shown, std::string_view name) {
    const auto all = static_cast<Commands>(command_ | own_);
    return wrong(shown, "no such option here" + did_you_mean("--", nearest_option(all, name)));
  }

  template <class Name>
  const Option* find(Name name) const {
    const Option* const o = find_option(own_, name);
    return o != nullptr ? o : find_option(command_, name);
  }

  Result<void> long_option(std::string_view text) {
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    std::string shown = "--";
    shown.append(name);
    const Option* o = find(name);
    if (o == nullptr) return unknown(shown, name);
    if (equals != std::string_view::npos) {
      if (o->metavar == nullptr) return wrong(shown, "takes no value");
      set(*o, shown, text.substr(equals + 1));
      return {};
    }
    return with_next(*o, shown);
  }

  Result<void> short_options(std::string_view letters) {
    // Else "-model x" would ask a model "odel".
    if (letters.size() > 1 && find(letters) != nullptr) {
      return unknown("-" + std::string(letters), letters);
    }
    while (!letters.empty()) {
      std::string shown = "-";
      shown.push_back(letters[0]);
      const Option* o = find(letters[0]);
      if (o == nullptr) return wrong(shown, "no such option here");
      letters.remove_prefix(1);
      if (o->metavar == nullptr) {
        set(*o, shown, {});
        continue;
      }
      if (letters.empty() || takes_two(*o)) return with_next(*o, shown);
      set(*o, shown, letters);
      return {};
    }
    return {};
  }

  // "PATH...": also what follows, up to the next option.
  Result<void> with_next(const Option& o, std::string_view shown) {
    CHI_TRY_VOID(with_one(o, shown));
    const bool many = o.metavar != nullptr && strcmp(o.metavar, "PATH...") == 0;
    while (many && !rest_.empty() && rest_.front()[0] != '-') set(o, shown, take());
    return {};
  }

  Result<void> with_one(const Option& o, std::string_view shown) {
    if (o.metavar == nullptr || value_optional(o)) {
      set(o, shown, {});
      return {};
    }
    if (rest_.empty()) return wrong(shown, "needs a value");
    std::string value(take());
    if (takes_two(o) && value.find('=') == value.npos) {
      if (rest_.empty()) return wrong(shown, "needs two values");
      value.push_back('=');
      value.append(take());
    }
    set(o, shown, value);
    return {};
  }

  void set(const Option& o, std::string_view shown, std::string_view value) {
    note(layers_.line, o, value);
    layers_.append(o, Layer::arguments, shown, value);
  }

  Commands command_, own_;
  std::span<char* const> rest_;
  Settings& s_;
  Layers& layers_;
};

Result<void> Layers::read_arguments(std::span<char* const> words, Settings& s, Commands own) {
  return Parser(command_, own, words, s, *this).run();
}

Result<void> parse_arguments(Commands command, std::span<char* const> arguments, Settings& s,
                             std::string& what) {
  Layers layers(command);
  Result<void> done = layers.read_arguments(arguments, s);
  if (done) done = layers.apply(s);
  what.append(layers.what);
  return done;
}

}  // namespace chimera::cli
