/* One shard with one account, and commands that cannot be decided now: parked by the owner while the account is quarantined
 * (processor.park_owned), or by whoever finds that nobody serves the shard (processor.park_unowned). Parked commands are
 * acknowledged, so from there on it is processor.parked alone that keeps their place before everything newer.
 *
 * Forwarding is one step here, in order and without loss (ownership.pml has it in full), and so is a fenced commit.
 *
 * Planted bugs: PARK_UNFENCED, PARK_KEEPS_EPOCH, PARK_DOOR_OPEN, READ_WHILE_PARKING, PARKED_LAST.
 */
#include "common.pml"

#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef FIRST_READER
#define FIRST_READER 0
#endif
#define MESSAGES 2
#define SESSIONS 2
#define COPIES (MESSAGES * SESSIONS)
#define MESSAGE(copy) ((copy) % MESSAGES)
#define SESSION(copy) ((copy) / MESSAGES)
#define HOME(copy) readerOf[SESSION(copy)]
#define NONE 15

byte faultsLeft = FAULTS;
#define FAULT(what) faultsLeft > 0 && (what) -> faultsLeft--

/* ---- RabbitMQ */
#define READY 0
#define UNACKED 1
#define GONE 2
byte queue[MESSAGES], readerOf[SESSIONS], session;
bool reading = 1;
#define NEXT_READY (queue[0] == READY -> 0 : (queue[1] == READY -> 1 : NONE))

/* ---- PostgreSQL */
byte epoch = 1, rowOwner = 0;
byte decided[MESSAGES];
bool quarantined;
chan parked = [6] of { byte };        /* messages, in order of their number */

/* ---- a node as reader */
chan line[NODES] = [COPIES] of { byte };
chan out[NODES] = [COPIES] of { byte };   /* forwarded and not settled */
byte stream[NODES];
chan orphans[NODES] = [COPIES] of { byte }; /* being parked for want of an owner */
byte orphanPhase[NODES], orphanEpoch[NODES]; /* 0 no, 1 asked, 2 parked, 3 refused or unknown */

/* ---- a node as owner */
byte own[NODES];
bool claiming[NODES];
byte seen[NODES];
chan mailbox[NODES] = [COPIES] of { byte, byte }; /* copy, stream (0 = read here) */
bool read[NODES], aside[NODES], hasParked[NODES];
/* a commit under way: of a mailbox command, or of a parked row (copy NONE) */
#define IDLE 0
#define SENT 1
#define DONE 2
#define FENCED 3
byte call[NODES], callMessage[NODES], callCopy[NODES] = NONE, callStream[NODES];
/* park_owned under way */
byte park[NODES], parkCopy[NODES] = NONE, parkStream[NODES], parkEpoch[NODES];

byte c, s, i;

inline acknowledge(copy) {
  MUST(KEPT, decided[MESSAGE(copy)] > 0 || parked??[eval(MESSAGE(copy))]);
  if
  :: SESSION(copy) == session && reading -> queue[MESSAGE(copy)] = GONE
  :: else
  fi
}

inline take_back(n) {
  do
  :: len(out[n]) > 0 -> out[n]?c; line[n]!!c
  :: len(out[n]) == 0 -> break
  od;
  stream[n]++; c = 0
}

/* Of a copy in the hands of n: local ones are acknowledged, for others their sender is told, if it still waits for that. */
inline settle(n, copy, inStream) {
  if
  :: inStream == 0 -> acknowledge(copy)
  :: inStream != 0 && inStream == stream[HOME(copy)] && out[HOME(copy)]??[eval(copy)] ->
     out[HOME(copy)]??eval(copy); acknowledge(copy)
  :: else
  fi
}

/* The shard is lost: what was read here goes back to its place; other readers' streams end, and they send again. */
inline let_go(n) {
  if
  :: callCopy[n] != NONE && callStream[n] == 0 -> line[n]!!callCopy[n]
  :: else
  fi;
  callCopy[n] = NONE; callStream[n] = 0; call[n] = IDLE; callMessage[n] = 0;
  do
  :: len(mailbox[n]) > 0 ->
     mailbox[n]?c,s;
     if
     :: s == 0 -> line[n]!!c
     :: else
     fi
  :: len(mailbox[n]) == 0 -> break
  od;
  c = 0; s = 0;
  take_back(OTHER(n));
  own[n] = 0; read[n] = 0; aside[n] = 0; hasParked[n] = 0
}

/* park-desk.ts, isBehind: what is being parked under another epoch may be refused, and goes before everything newer. */
#ifdef PARK_DOOR_OPEN
#define BEHIND(n) false
#else
#define BEHIND(n) (park[n] != IDLE && parkEpoch[n] != own[n])
#endif
#define OPEN(n) (!(BEHIND(n)) && orphanPhase[n] == 0)

proctype Reader(byte n) {
end: do
  :: d_step { reading && readerOf[session] == n && NEXT_READY != NONE ->
       c = NEXT_READY; queue[c] = UNACKED; line[n]!(session * MESSAGES + c); c = 0 }
  :: d_step { !reading -> reading = 1; session++; readerOf[session] = n }
  :: d_step { OPEN(n) && own[n] != 0 && len(line[n]) > 0 -> line[n]?c; mailbox[n]!c,0; c = 0 }
  :: d_step { OPEN(n) && own[n] == 0 && len(line[n]) > 0 && rowOwner == OTHER(n) && own[OTHER(n)] == epoch &&
       len(mailbox[OTHER(n)]) < COPIES -> line[n]?c; out[n]!c; mailbox[OTHER(n)]!c,stream[n]; c = 0 }
  /* An owner that has lost the shard, and does not know it yet, takes them too. */
  :: d_step { FAULT(OPEN(n) && own[n] == 0 && len(line[n]) > 0 && own[OTHER(n)] != 0 && len(mailbox[OTHER(n)]) < COPIES) ->
       line[n]?c; out[n]!c; mailbox[OTHER(n)]!c,stream[n]; c = 0 }
  od
}

/* cluster/orphan-desk.ts. Whether the shard really has no owner it cannot know: here it may believe so at any time. */
proctype Orphans(byte n) {
end: do
  :: d_step { FAULT(own[n] == 0 && orphanPhase[n] == 0 && !(BEHIND(n)) && (len(line[n]) > 0 || len(out[n]) > 0)) ->
       take_back(n);
       do
       :: len(line[n]) > 0 -> line[n]?c; orphans[n]!c
       :: len(line[n]) == 0 -> break
       od;
       c = 0; orphanPhase[n] = 1; orphanEpoch[n] = epoch }
  :: d_step { orphanPhase[n] == 1 && len(parked) + len(orphans[n]) <= 6 ->
       if
       :: orphanEpoch[n] == epoch ->
#ifndef PARK_KEEPS_EPOCH
          epoch++; rowOwner = NOBODY;
#endif
          i = len(orphans[n]);
          do
          :: i > 0 -> orphans[n]?c; orphans[n]!c; parked!MESSAGE(c); i--
          :: i == 0 -> break
          od;
          c = 0; orphanPhase[n] = 2
       :: else -> orphanPhase[n] = 3
       fi }
  /* The answer is lost: they are tried again, although they are parked. */
  :: d_step { FAULT(orphanPhase[n] == 2) -> orphanPhase[n] = 3 }
  :: d_step { orphanPhase[n] >= 2 ->
       do
       :: len(orphans[n]) > 0 ->
          orphans[n]?c;
          if
          :: orphanPhase[n] == 2 -> acknowledge(c)
          :: else -> line[n]!!c
          fi
       :: len(orphans[n]) == 0 -> break
       od;
       c = 0; orphanPhase[n] = 0; orphanEpoch[n] = 0 }
  od
}

#ifdef READ_WHILE_PARKING
#define MAY_READ(n) (call[n] == IDLE)
#else
#define MAY_READ(n) (call[n] == IDLE && park[n] == IDLE)
#endif
#ifdef PARKED_LAST
#define PARKED_FIRST(n) (hasParked[n] && len(mailbox[n]) == 0)
#define NEWER(n) (len(mailbox[n]) > 0)
#else
#define PARKED_FIRST(n) (hasParked[n])
#define NEWER(n) (!hasParked[n] && len(mailbox[n]) > 0)
#endif
#define ACTIVE(n) (own[n] != 0 && read[n] && !aside[n] && call[n] == IDLE && callCopy[n] == NONE)

proctype Owner(byte n) {
end: do
  :: d_step { own[n] != 0 && !read[n] && MAY_READ(n) ->
       read[n] = 1; aside[n] = quarantined; hasParked[n] = (len(parked) > 0) }
  :: d_step { ACTIVE(n) && PARKED_FIRST(n) ->
       if
       :: parked?[c] -> parked?<c>; call[n] = SENT; callMessage[n] = c; c = 0
       :: else -> hasParked[n] = 0
       fi }
  /* Looked for every second (region, accountsToTakeUp). */
  :: d_step { own[n] != 0 && read[n] && !aside[n] && !hasParked[n] && len(parked) > 0 && MAY_READ(n) -> hasParked[n] = 1 }
  :: d_step { ACTIVE(n) && NEWER(n) ->
       mailbox[n]?c,s; call[n] = SENT; callMessage[n] = MESSAGE(c); callCopy[n] = c; callStream[n] = s; c = 0; s = 0 }
  /* PostgreSQL: the fence, then the ledger. */
  :: d_step { call[n] == SENT ->
       if
       :: own[n] != epoch -> call[n] = FENCED
       :: own[n] == epoch && decided[callMessage[n]] > 0 -> call[n] = DONE
       :: else ->
          MUST(ONCE, decided[callMessage[n]] == 0);
          MUST(ORDER, callMessage[n] == 0 || decided[0] > 0);
          decided[callMessage[n]]++; call[n] = DONE
       fi }
  :: d_step { call[n] == DONE ->
       if
       :: callCopy[n] != NONE -> settle(n, callCopy[n], callStream[n])
       :: parked??[eval(callMessage[n])] && callCopy[n] == NONE -> parked??eval(callMessage[n])
       :: else
       fi;
       call[n] = IDLE; callMessage[n] = 0; callCopy[n] = NONE; callStream[n] = 0 }
  :: d_step { call[n] == FENCED -> let_go(n) }
  :: d_step { own[n] != 0 && own[n] < epoch && call[n] == IDLE -> let_go(n) }
  /* The account is set aside: written under the epoch, then read. */
  :: d_step { FAULT(ACTIVE(n) && own[n] == epoch && !quarantined) -> quarantined = 1; read[n] = 0; hasParked[n] = 0 }
  /* An operator releases it: the same. What was parked is looked for again. */
  :: d_step { own[n] != 0 && own[n] == epoch && read[n] && aside[n] && quarantined ->
       quarantined = 0; read[n] = 0; aside[n] = 0 }
  :: d_step { own[n] != 0 && read[n] && aside[n] && !quarantined -> read[n] = 0; aside[n] = 0 }
  od
}

/* park-desk.ts: one at a time, in order, under the epoch at which the account was found set aside. */
proctype Parking(byte n) {
end: do
  :: d_step { own[n] != 0 && read[n] && aside[n] && park[n] == IDLE && len(mailbox[n]) > 0 && len(parked) < 6 ->
       mailbox[n]?c,s; park[n] = SENT; parkCopy[n] = c; parkStream[n] = s; parkEpoch[n] = own[n]; c = 0; s = 0 }
  :: d_step { park[n] == SENT ->
       if
#ifndef PARK_UNFENCED
       :: parkEpoch[n] != epoch -> park[n] = FENCED
#endif
       :: else -> parked!MESSAGE(parkCopy[n]); park[n] = DONE
       fi }
  :: d_step { park[n] == DONE -> settle(n, parkCopy[n], parkStream[n]); park[n] = IDLE; parkCopy[n] = NONE; parkStream[n] = 0; parkEpoch[n] = 0 }
  :: d_step { park[n] == FENCED ->
       if
       :: parkStream[n] == 0 -> line[n]!!parkCopy[n]
       :: else                        /* its stream has ended, or ends with this */
       fi;
       if
       :: own[n] != 0 && own[n] == parkEpoch[n] -> let_go(n)
       :: else
       fi;
       park[n] = IDLE; parkCopy[n] = NONE; parkStream[n] = 0; parkEpoch[n] = 0 }
  od
}

proctype Keeper(byte n) {
end: do
  :: d_step { !claiming[n] && own[n] == 0 && (rowOwner == NOBODY || own[rowOwner] != epoch) -> claiming[n] = 1; seen[n] = epoch }
  :: d_step { FAULT(!claiming[n] && own[n] == 0) -> claiming[n] = 1; seen[n] = epoch }
  :: d_step { claiming[n] ->
       if
       :: seen[n] == epoch -> epoch++; rowOwner = n; own[n] = epoch; take_back(n)
       :: else
       fi;
       claiming[n] = 0; seen[n] = 0 }
  od
}

proctype World() {
end: do
  :: d_step { FAULT(reading && session + 1 < SESSIONS) ->
       reading = 0; i = 0;
       do
       :: i < MESSAGES ->
          if
          :: queue[i] == UNACKED -> queue[i] = READY
          :: else
          fi;
          i++
       :: i == MESSAGES -> break
       od;
       i = 0 }
  od
}

proctype Rest() {
end: atomic { timeout ->
       MUST(ENDS, queue[0] == GONE && queue[1] == GONE);
       MUST(KEPT, decided[0] == 1 && decided[1] == 1 && len(parked) == 0) }
}

init {
  d_step { own[0] = 1; stream[0] = 1; stream[1] = 1; readerOf[0] = FIRST_READER }
  atomic {
    run Reader(0); run Orphans(0); run Owner(0); run Parking(0); run Keeper(0);
    run Reader(1); run Orphans(1); run Owner(1); run Parking(1); run Keeper(1);
    run World(); run Rest()
  }
}
