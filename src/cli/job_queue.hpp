// The jobs of `chimera worker` that wait: the highest priority first, first come first served
// within one, each with an instant behind which it is late.
//
// Thread: one at a time. Cost: finding a job by its id, a place for a priority that is not the
// lowest, and the next deadline look at all that wait.
#pragma once

#include <cstddef>

#include "chimera/base/own.hpp"
#include "chimera/base/time.hpp"
#include "chimera/rt/worker.hpp"
#include "job.hpp"

namespace chimera::cli {

// A job that was accepted and has not ended.
struct LiveJob : Job {
  Nanos accepted = 0, late_at = kNever;  // instants
  wire::Url elsewhere;                   // what `url` says
  size_t bytes = 0;                      // of the line it came in
  rt::Stop* stop = nullptr;              // of the call, when it is being made
  bool cancelled = false;                // somebody asked for its end
  Own<LiveJob> next;                     // of the list that it is on
};

class JobList {
 public:
  JobList() = default;
  JobList(const JobList&) = delete;
  JobList& operator=(const JobList&) = delete;
  ~JobList();                            // link by link: they would end each other, nested

  size_t size() const { return size_; }
  size_t bytes() const { return bytes_; }
  void push(Own<LiveJob> job);           // behind those of its priority and above
  Own<LiveJob> pop();                    // nullptr when there is none
  LiveJob* find(std::string_view id) const;
  Own<LiveJob> remove(const LiveJob& job);   // which is on this list
  // One that is late at `now`; nullptr when there is none.
  Own<LiveJob> pop_late(Nanos now);
  Nanos next_deadline() const;           // kNever: none

 private:
  Own<LiveJob> take(Own<LiveJob>& slot);
  Own<LiveJob> first_;
  LiveJob* last_ = nullptr;
  size_t size_ = 0, bytes_ = 0;
};

}  // namespace chimera::cli
