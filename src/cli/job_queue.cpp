#include "job_queue.hpp"

namespace chimera::cli {

JobList::~JobList() {
  while (first_) pop();
}

void JobList::push(Own<LiveJob> job) {
  ++size_;
  bytes_ += job->bytes;
  Own<LiveJob>* slot = &first_;
  if (last_ != nullptr && last_->priority >= job->priority) slot = &last_->next;   // mostly
  while (*slot && (*slot)->priority >= job->priority) slot = &(*slot)->next;
  if (!*slot) last_ = job.get();
  job->next = std::move(*slot);
  *slot = std::move(job);
}

Own<LiveJob> JobList::take(Own<LiveJob>& slot) {
  Own<LiveJob> job = std::move(slot);
  slot = std::move(job->next);
  --size_;
  bytes_ -= job->bytes;
  if (job.get() != last_) return job;
  last_ = first_.get();
  while (last_ != nullptr && last_->next) last_ = last_->next.get();
  return job;
}

Own<LiveJob> JobList::pop() { return first_ ? take(first_) : Own<LiveJob>(); }

LiveJob* JobList::find(std::string_view id) const {
  LiveJob* job = first_.get();
  while (job != nullptr && job->id != id) job = job->next.get();
  return job;
}

Own<LiveJob> JobList::remove(const LiveJob& job) {
  Own<LiveJob>* slot = &first_;
  while (slot->get() != &job) slot = &(*slot)->next;
  return take(*slot);
}

Own<LiveJob> JobList::pop_late(Nanos now) {
  for (Own<LiveJob>* slot = &first_; *slot; slot = &(*slot)->next) {
    if ((*slot)->late_at <= now) return take(*slot);
  }
  return {};
}

Nanos JobList::next_deadline() const {
  Nanos next = kNever;
  for (const LiveJob* job = first_.get(); job != nullptr; job = job->next.get()) {
    if (job->late_at < next) next = job->late_at;
  }
  return next;
}

}  // namespace chimera::cli
