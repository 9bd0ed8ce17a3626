// The steps of analyse(), in their order.
#pragma once

#include <math.h>

#include "chimera/lab/analysis.hpp"

namespace chimera::lab {

// analysis_groups.cpp: the groups of all levels, described.
void make_groups(Analysis& a);
// analysis_tests.cpp: pairs, overall tests, the identity.
void run_tests(Analysis& a);
// analysis_warnings.cpp
void warn(Analysis& a);
// verdict.cpp: `worst_why` of the compared groups, headline and sentences.
void judge(Analysis& a);

// The trial that is worst by the metric's direction; efficiency's way when it has none.
const Trial* worst_of(const Analysis& a, const Group& g);
bool is_efficiency(std::string_view metric);
// The 95 % interval of a difference of means, by Welch's degrees of freedom.
Interval welch_interval(const Group& a, const Group& b, const TestResult& welch);
// A run that did not come to its end: it has no figures, whatever its record holds in their place.
inline bool unfinished(const Trial& t) { return t[Trial::complete] == 0; }
// A run that counts or not, as --clean has it.
inline bool doubtful(const Trial& t, size_t metric) {
  return t.reasons != 0 && !unfinished(t) && !isnan(t.metric(metric));
}
// Whether the wall time of a run of two agents or more is the sum of theirs.
bool ran_serially(const Trial& t);

}  // namespace chimera::lab
