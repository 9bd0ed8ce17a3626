/* The ring of include/chimera/rt/ring.hpp: one owner, two thieves, a capacity of two, so that every
 * slot is used again and again. Each access to shared memory is one step. Spin's memory is
 * sequentially consistent; what the orders in ring.hpp rule out is here a variant that does things
 * in the wrong order.
 *
 * Shown: every item is taken exactly once, by somebody, whatever the owner mixes; nothing stays.
 *
 * Spin must reject
 *   BROKEN=1   a claim reads the slot after it has moved top
 *   BROKEN=2   take_last() reads top before its store of bottom is seen (no seq_cst there)
 *   BROKEN=3   steal() reads bottom before top (no seq_cst there)
 *   BROKEN=4   the last item is taken by take_last() without a compare-and-swap
 */
#ifndef BROKEN
#define BROKEN 0
#endif

#define ITEMS 5
#define CAPACITY 2
#define THIEVES 2

byte top = 1, bottom = 1
byte slots[CAPACITY]
bit taken[ITEMS + 1]                 /* items are 1, 2, ...; 0 is none */
byte ended

inline use(r) {
  d_step { assert(r != 0 && !taken[r]); taken[r] = 1; r = 0 }
}

/* r = the item at t, or 0 and t = the top that somebody else has moved. */
inline claim(t, r) {
#if BROKEN != 1
  r = slots[t % CAPACITY];
#endif
  atomic {
    if
    :: top == t -> top = t + 1; won = true
    :: else -> t = top; r = 0; won = false
    fi
  }
#if BROKEN == 1
  if
  :: won -> r = slots[t % CAPACITY]
  :: else
  fi;
#endif
  won = false
}

inline push(item) {
  t = top;
  if
  :: bottom - t >= CAPACITY
  :: else ->
     slots[bottom % CAPACITY] = item;
     d_step { bottom++; item++ }
  fi;
  t = 0
}

inline take() {
  t = top;
  do
  :: t < bottom && r == 0 -> claim(t, r)
  :: else -> break
  od;
  t = 0
}

/* The numbers are signed there: lowering the bottom of an empty ring must not go below 0, which
 * bytes cannot show, so all of them begin at 1. */
inline take_last() {
#if BROKEN == 2
  t = top;
  bottom--;
#else
  bottom--;
  t = top;
#endif
  if
  :: t < bottom -> r = slots[bottom % CAPACITY]
  :: t >= bottom ->
     if
#if BROKEN == 4
     :: t == bottom -> r = slots[bottom % CAPACITY]; top = t + 1
#else
     :: t == bottom -> claim(t, r)
#endif
     :: else
     fi;
     bottom++
  fi;
  t = 0
}

active proctype owner() {
  byte t, r, item = 1
  bool won, dry

  do
  :: item <= ITEMS -> push(item)
  :: item <= ITEMS -> take(); if :: r != 0 -> use(r) :: else fi
  :: item <= ITEMS -> take_last(); if :: r != 0 -> use(r) :: else fi
  :: item > ITEMS && !dry ->           /* until it is told that nothing is left */
     if
     :: take()
     :: take_last()
     fi;
     if
     :: r != 0 -> use(r)
     :: else -> dry = true; assert(top == bottom)
     fi
  :: dry -> break
  od;
  ended++
}

active [THIEVES] proctype thief() {
  byte t, b, r
  bool won

  do
  :: true ->
#if BROKEN == 3
     b = bottom;
     t = top;
#else
     t = top;
     b = bottom;
#endif
     if
     :: t < b -> claim(t, r); if :: r != 0 -> use(r) :: else fi
     :: else
     fi;
     d_step { t = 0; b = 0 }
  :: true -> break                     /* at any time: the owner does not depend on thieves */
  od;
  ended++
}

active proctype none_lost() {
  byte i
  ended == THIEVES + 1;
  d_step {
    assert(top == bottom);
    i = 1;
    do
    :: i <= ITEMS -> assert(taken[i]); i++
    :: else -> break
    od
  }
}
