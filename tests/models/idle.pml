/* How idle workers of the stealing runtime fall asleep and are woken (src/rt/steal.cpp). Three
 * workers, each with a ring (a number here; ring.pml is the ring), an inbox and a port; a shared
 * list for what a full ring cannot hold. Items look all the same but those of an inbox.
 *
 * Shown, whenever no worker is in the middle of the runtime's own code or on its way there:
 *   - where an item is queued nobody sleeps: an item never waits behind a running task while a
 *     worker is idle (so of course never while all are);
 *   - nobody sleeps with something in its inbox;
 * and, with -DLIVE and every worker getting its turn, that all comes to rest, all workers asleep.
 *
 * Spin must reject
 *   BROKEN=1   no second look after "asleep" is set
 *   BROKEN=2   the second look comes before "asleep" is set
 *   BROKEN=3   the publisher looks for sleepers before it pushes (no seq_cst there)
 *   BROKEN=4   who was called takes an item, perhaps another one, and does not look around
 *   BROKEN=5   who moves several items into its own ring tells nobody
 *   BROKEN=6   a wake-up before the wait is lost (a port that is not sticky)
 *   BROKEN=7   who puts an item into the shared list calls only if its ring is not empty either
 *   BROKEN=8   a post wakes before it puts the item into the inbox
 */
#ifndef BROKEN
#define BROKEN 0
#endif

#define WORKERS 3
#ifndef CAPACITY
#define CAPACITY 1
#endif
#ifndef PUSHES
#define PUSHES 2                     /* items that tasks make */
#endif
#ifndef POSTS
#define POSTS 0                      /* items sent to a worker by name */
#endif
#ifndef EVENTS
#define EVENTS 1                     /* items that come out of a port: completions, deadlines */
#endif

byte ring[WORKERS], inbox[WORKERS], overflow
bool asleep[WORKERS], wake[WORKERS]  /* wake: in the port, kept until its wait returns */
bool parked[WORKERS]                 /* blocked in the port */
byte busy = WORKERS                  /* in the runtime's code: neither parked nor in a task */
byte pushes = PUSHES, posts = POSTS, events = EVENTS

#define COMING(i) (parked[i] && wake[i])
#define QUEUED (ring[0] + ring[1] + ring[2] + overflow > 0)
#define QUIET (busy == 0 && !COMING(0) && !COMING(1) && !COMING(2))
#define FORGOTTEN(i) (parked[i] && (QUEUED || inbox[i] > 0))
#define STUCK (QUIET && (FORGOTTEN(0) || FORGOTTEN(1) || FORGOTTEN(2)))
#define AT_REST (QUIET && parked[0] && parked[1] && parked[2])

#define OTHER(n) ((me + n) % WORKERS)
#ifdef LIVE
#define MAY_FAIL (ring[OTHER(1)] + ring[OTHER(2)] + overflow == 0)
#else
#define MAY_FAIL true
#endif

/* Out of the runtime's code, into a task or the port. */
inline leave() { busy--; assert(!STUCK) }

/* Wakes one sleeper, if there is one. */
inline call_one() {
  v = OTHER(1);
  do
  :: atomic { v != me && asleep[v] -> asleep[v] = false }   /* the compare-and-swap */
     atomic { wake[v] = true; break }
  :: atomic { v != me && !asleep[v] -> v = (v + 1) % WORKERS; if :: v == me -> break :: else fi }
  od;
  v = 0
}

/* Wakes only who finds the inbox empty. */
inline post(to) {
  if
#if BROKEN == 8
  :: atomic { inbox[to] == 0 -> wake[to] = true } inbox[to]++
#else
  :: atomic { inbox[to] == 0 -> inbox[to]++ } wake[to] = true
#endif
  :: atomic { inbox[to] > 0 -> inbox[to]++ }
  fi
}

/* An item that the pusher will not run at once is surplus: in a task, every one; else, all but one,
 * and what the ring cannot hold. */
inline publish(in_task) {
#if BROKEN == 3
  call_one();
#endif
  if
  :: atomic { ring[me] < CAPACITY -> ring[me]++ }
#if BROKEN != 3
     if
     :: in_task || ring[me] >= 2 -> call_one()
     :: else
     fi
#endif
  :: atomic { ring[me] >= CAPACITY -> overflow++ }
#if BROKEN == 7
     if
     :: ring[me] > 0 -> call_one()
     :: else
     fi
#elif BROKEN != 3
     call_one()                      /* whatever is in the ring: thieves may have emptied it */
#endif
  fi
}

/* What came in; n of it. */
inline publish_all() {
  do
  :: n > 0 -> publish(false); n--
  :: else -> break
  od
}

/* Up to half of a ring: one to run, and perhaps one more. */
inline steal_from(victim) {
  atomic { ring[victim] > 0 -> ring[victim]-- }
  if
  :: atomic { ring[victim] > 0 -> ring[victim]-- } ring[me]++
  :: true
  fi;
  goto taken
}

/* Out of Port::wait, blocking or not: no wake-up is kept any more. A completion is there or not. */
inline come_back() {
  wake[me] = false;
  if
  :: events > 0 -> events--; n = 1
  :: true
  fi
}

/* A task: for as long as it likes. */
inline execute() {
  atomic { leave() }
  do
  :: atomic { pushes > 0 -> pushes--; busy++ }
     publish(true);
     atomic { leave() }
  :: atomic { posts > 0 -> posts--; busy++ }
     post(OTHER(1));
     atomic { leave() }
  :: atomic { busy++; come_back(); break }
  od
}

/* Steps that nobody else can tell apart are one step (`atomic`): it keeps the search small. */
proctype worker(byte me) {
  byte v, n
  bool called                        /* somebody chose this worker, and it has not looked yet */

turn:
  if
  :: atomic { inbox[me] > 0 -> n = inbox[me]; inbox[me] = 0 }
     publish_all();
     goto turn
  :: atomic { inbox[me] == 0 && ring[me] > 0 -> ring[me]-- }
     goto taken
  :: atomic { inbox[me] == 0 && ring[me] == 0 }
  fi;

  /* A search. It may fail although there is something: others were faster. */
  if
  :: atomic { overflow > 0 -> overflow--; goto taken }
  :: steal_from(OTHER(1))
  :: steal_from(OTHER(2))
  :: MAY_FAIL
  fi;

#if BROKEN != 2
  asleep[me] = true;
#endif
#if BROKEN != 1
  if
  :: overflow > 0 -> goto up
  :: else
  fi;
  if
  :: ring[OTHER(1)] > 0 -> goto up
  :: else
  fi;
  if
  :: ring[OTHER(2)] > 0 -> goto up
  :: else
  fi;
#endif
#if BROKEN == 2
  asleep[me] = true;
#endif
#if BROKEN == 6
  wake[me] = false;
#endif
  atomic { called = false; parked[me] = true; leave() }
end_parked:
  if
  :: atomic { wake[me] -> parked[me] = false; busy++; come_back() }
  :: atomic { events > 0 -> events--; n = 1; parked[me] = false; busy++ }
  fi;
up:
  atomic { called = called || !asleep[me]; asleep[me] = false }   /* the exchange */
  publish_all();
  goto turn;

taken:
  /* Before it runs the item: whatever else there is may need somebody. Its own ring, because nobody
   * was told of what it moved there. Everything, when it was called: what it took may not be what it
   * was called for, and nobody else was. */
#if BROKEN != 5
  if
  :: ring[me] > 0 -> call_one(); goto told
  :: else
  fi;
#endif
#if BROKEN != 4
  if
  :: called && overflow > 0 -> call_one(); goto told
  :: else
  fi;
  if
  :: called && ring[OTHER(1)] > 0 -> call_one(); goto told
  :: else
  fi;
  if
  :: called && ring[OTHER(2)] > 0 -> call_one()
  :: else
  fi;
#endif
told:
  called = false;
  execute();
  publish_all();
  goto turn
}

#ifdef LIVE
ltl comes_to_rest { <> [] AT_REST }
#endif

init {
  atomic {
    ring[0] = 1;
    run worker(0);
    run worker(1);
    run worker(2)
  }
}
