/* One shard with one account, from the queue to the acknowledgement: reader -> router -> own actor, or numbered forwards
 * to the owner -> commit under the fence -> settle. Two nodes; each may read, own, forward and decide.
 *
 * Leases are left out on purpose: any node may try to take the shard at any time. What holds here holds although a lease
 * means nothing (lease.pml says who ends up serving). A pause needs no state: any process may wait before its next step,
 * so "frozen beyond its lease" is a takeover from an owner that is alive.
 *
 * A copy of a message is (reading session, message): each session gets everything that is not acknowledged. Copies of one
 * node are numbered in the order of their arrival (src/supervisor/router.ts, n).
 *
 * Each fault costs one of FAULTS; whatever mends one is free. Planted bugs, one -D each: NO_FENCE, WEAK_FENCE, NO_SEQ,
 * ACK_BEFORE_COMMIT, NO_NUMBERS, BACK_AT_TAIL, BUMP_READS, TAKEOVER_NO_WAIT, TAKEOVER_UNSEEN, NO_IDENTITY, SESSIONS_OVERLAP,
 * NO_RESEND.
 */
#include "common.pml"

#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef SESSIONS
#define SESSIONS 2
#endif
#define COPIES (MESSAGES * SESSIONS)
#define MESSAGE(copy) ((copy) % MESSAGES)
#define SESSION(copy) ((copy) / MESSAGES)
#define NONE 15
#define IN_FLIGHT 3
#define ROOM(channel) (len(channel) < IN_FLIGHT)
#ifndef FIRST_READER
#define FIRST_READER 1
#endif

byte faultsLeft = FAULTS;
#define FAULT(what) faultsLeft > 0 && (what) -> faultsLeft--

/* ---- RabbitMQ. Unacknowledged messages of a closed channel return to their places before the next reader gets in. */
#define READY 0
#define UNACKED 1
#define GONE 2
byte queue[MESSAGES];
byte session;
bool reading = 1;
byte readerOf[SESSIONS];
#if MESSAGES == 2
#define NEXT_READY (queue[0] == READY -> 0 : (queue[1] == READY -> 1 : NONE))
#define ALL_GONE (queue[0] == GONE && queue[1] == GONE)
#define ALL_DECIDED (decided[0] == 1 && decided[1] == 1)
#else
#define NEXT_READY (queue[0] == READY -> 0 : (queue[1] == READY -> 1 : (queue[2] == READY -> 2 : NONE)))
#define ALL_GONE (queue[0] == GONE && queue[1] == GONE && queue[2] == GONE)
#define ALL_DECIDED (decided[0] == 1 && decided[1] == 1 && decided[2] == 1)
#endif

/* ---- PostgreSQL: the directory, the ledger, the commit calls under way (the second half: abandoned by their clients) */
byte epoch = 1, rowOwner = 0;
byte takenBy = 0;                     /* ghost: the node that the present epoch was given to */
byte ledgerSeq;
byte decided[MESSAGES];               /* how often */
byte rowLock;                         /* 0 or 1 + the call that holds the shard's row */
#define IDLE 0
#define SENT 1
#define LOCKED 2
#define COMMITTED 3
#define FENCED 4
#define STALE 5
#define REPEAT 6
byte call[2 * NODES], callMessage[2 * NODES], callEpoch[2 * NODES], callSeq[2 * NODES];

/* ---- a node: router and forwarder (src/supervisor/router.ts, cluster/shard-stream.ts) */
chan line[NODES] = [COPIES] of { byte };            /* waits, in order of arrival */
chan sent[NODES] = [COPIES] of { byte, byte };      /* number, copy: sent and not settled */
byte stream[NODES], target[NODES], nextNumber[NODES]; /* target: an epoch; 0 = no stream is open */
chan inbox[NODES] = [IN_FLIGHT] of { byte, byte, byte, byte, byte }; /* epoch, stream, number, 1 + the number before, copy */
#define SETTLED 1
#define GAP 2
#define REFUSED 3
chan answers[NODES] = [IN_FLIGHT] of { byte, byte, byte };  /* kind, stream, number; at the one who forwarded */

/* ---- a node: owner (cluster/incoming-stream.ts, account-actor.ts) */
byte own[NODES];                      /* the epoch it believes to hold; 0 = none */
bool leaving[NODES];
byte released[NODES];                 /* given away, and the row not written yet */
byte inStream[NODES], inEpoch[NODES], expected[NODES], open[NODES];
bool taking[NODES];
chan mailbox[NODES] = [COPIES] of { byte, byte, byte }; /* copy, stream (0 = read here), number */
byte hand[NODES] = NONE, handStream[NODES], handNumber[NODES]; /* what is being decided */
bool read[NODES], moved[NODES];       /* moved, a ghost: an unknown commit of its own came in after it read */
byte seq[NODES];
byte claim[NODES], seen[NODES];       /* 0 idle, 1 asked, 2 raised and not told yet */
byte before[NODES];                   /* BUMP_READS */

byte c, e, s, k, a, i;                /* used inside a step, 0 between steps */

#define TAKES(n) (leaving[n] -> 0 : own[n])
#define AT_REST(n) (hand[n] == NONE && (len(mailbox[n]) == 0) && call[n] == IDLE)

inline acknowledge(copy) {
  MUST(KEPT, decided[MESSAGE(copy)] > 0);
  if
  :: SESSION(copy) == session && reading -> queue[MESSAGE(copy)] = GONE
  :: else                             /* its channel is gone: no-op */
  fi
}

/* All that was sent goes back to its place before everything newer; the next stream counts from 0. */
inline take_back(n) {
  do
  :: (len(sent[n]) > 0) -> sent[n]?k,c; line[n]!!c
  :: (len(sent[n]) == 0) -> break
  od;
  target[n] = 0; c = 0; k = 0
}

inline send_again(n, from) {
  i = len(sent[n]); a = 0;
  do
  :: i > 0 ->
     sent[n]?k,c; sent[n]!k,c;
     if
     :: k >= from && ROOM(inbox[OTHER(n)]) -> inbox[OTHER(n)]!target[n],stream[n],k,a,c
     :: else
     fi;
     a = k + 1; i--
  :: i == 0 -> break
  od;
  a = 0; k = 0; c = 0
}

inline forget_call(n) { call[n] = IDLE; callMessage[n] = 0; callEpoch[n] = 0; callSeq[n] = 0 }

/* Its client waits no longer; the server may run it to its end. */
inline abandon_call(n) {
  if
  :: call[n] == SENT || call[n] == LOCKED ->
     call[NODES + n] = call[n]; callMessage[NODES + n] = callMessage[n];
     callEpoch[NODES + n] = callEpoch[n]; callSeq[NODES + n] = callSeq[n];
     if
     :: rowLock == 1 + n -> rowLock = 1 + NODES + n
     :: else
     fi
  :: else
  fi;
  forget_call(n)
}

#ifdef BACK_AT_TAIL
#define GIVE_BACK(n, copy) line[n]!copy
#else
#define GIVE_BACK(n, copy) line[n]!!copy
#endif

inline give_back_hand(n) {
  if
  :: hand[n] != NONE && handStream[n] == 0 -> GIVE_BACK(n, hand[n])
  :: else                             /* its sender sends it again */
  fi;
  hand[n] = NONE; handStream[n] = 0; handNumber[n] = 0
}

inline close_incoming(n) {
  if
  :: taking[n] && ROOM(answers[OTHER(n)]) -> answers[OTHER(n)]!REFUSED,inStream[n],0
  :: else
  fi;
  taking[n] = 0
}

/* The shard is out of the table: actors end, what is unanswered is given back, whole. */
inline let_go(n) {
  close_incoming(n);
  give_back_hand(n);
  do
  :: (len(mailbox[n]) > 0) ->
     mailbox[n]?c,s,k;
     if
     :: s == 0 -> GIVE_BACK(n, c)
     :: else
     fi
  :: (len(mailbox[n]) == 0) -> break
  od;
  own[n] = 0; leaving[n] = 0; read[n] = 0; seq[n] = 0; moved[n] = 0; open[n] = 0;
  c = 0; s = 0; k = 0
}

/* cluster/incoming-stream.ts, offer() */
inline offer(n) {
  inbox[n]?e,s,k,a,c;
  if
  :: s < inStream[n]
  :: else ->
     if
     :: s > inStream[n] -> inStream[n] = s; inEpoch[n] = e; expected[n] = 0; open[n] = 0; taking[n] = 1
     :: else
     fi;
     if
     :: e != TAKES(n) || e != inEpoch[n] -> taking[n] = 0
     :: else
     fi;
     if
     :: !taking[n] -> answers[OTHER(n)]!REFUSED,s,0
     :: taking[n] && k < expected[n] ->
        if
        :: open[n] & (1 << k)
        :: else -> answers[OTHER(n)]!SETTLED,s,k
        fi
#ifndef NO_NUMBERS
     :: taking[n] && k >= expected[n] && a > expected[n] -> answers[OTHER(n)]!GAP,s,expected[n]
#endif
     :: else -> open[n] = open[n] | (1 << k); expected[n] = k + 1; mailbox[n]!c,s,k
     fi
  fi;
  e = 0; s = 0; k = 0; a = 0; c = 0
}

/* settle.ts: the outcome of what is in hand is durable. */
inline settle(n) {
  if
  :: handStream[n] == 0 -> acknowledge(hand[n])
  :: handStream[n] == inStream[n] && (open[n] & (1 << handNumber[n])) ->
     open[n] = open[n] & (255 - (1 << handNumber[n]));
     answers[OTHER(n)]!SETTLED,handStream[n],handNumber[n]
  :: else
  fi;
  hand[n] = NONE; handStream[n] = 0; handNumber[n] = 0
}

inline submit(n) {
  call[n] = SENT; callMessage[n] = MESSAGE(hand[n]); callEpoch[n] = own[n]; callSeq[n] = seq[n]
}

proctype Reader(byte n) {
end: do
  :: d_step { reading && readerOf[session] == n && NEXT_READY != NONE ->
       c = NEXT_READY;
       queue[c] = UNACKED; line[n]!(session * MESSAGES + c);
#ifdef ACK_BEFORE_COMMIT
       acknowledge(session * MESSAGES + c);
#endif
       c = 0 }
#ifndef SESSIONS_OVERLAP
  :: d_step { !reading -> reading = 1; session++; readerOf[session] = n }
#else
  /* Planted: the next reader gets in while messages of the last one are not back yet. */
  :: d_step { !reading && session + 1 < SESSIONS -> reading = 1; session++; readerOf[session] = n }
  :: d_step { reading && session > 0 && queue[0] == UNACKED + 2 -> queue[0] = READY }
#endif
  od
}

proctype Forwarder(byte n) {
end: do
  /* Ours: the door is open, and what was to be forwarded is back in its place. */
  :: d_step { own[n] != 0 && !leaving[n] && (len(line[n]) > 0) -> line[n]?c; mailbox[n]!c,0,0; c = 0 }
  /* The directory names an owner. That it takes commands is waited for, unless a fault says otherwise: a refusal costs a pause. */
  :: d_step { own[n] == 0 && target[n] == 0 && rowOwner == OTHER(n) && own[OTHER(n)] == epoch && !leaving[OTHER(n)] &&
       ((len(line[n]) > 0) || (len(sent[n]) > 0)) -> take_back(n); stream[n]++; nextNumber[n] = 0; target[n] = epoch }
  :: d_step { FAULT(own[n] == 0 && target[n] == 0 && rowOwner == OTHER(n) && ((len(line[n]) > 0) || (len(sent[n]) > 0))) ->
       take_back(n); stream[n]++; nextNumber[n] = 0; target[n] = epoch }
  /* It names another epoch. */
  :: d_step { target[n] != 0 && target[n] != epoch -> target[n] = 0 }
  :: d_step { own[n] == 0 && target[n] != 0 && (len(line[n]) > 0) && ROOM(inbox[OTHER(n)]) ->
       line[n]?c;
       inbox[OTHER(n)]!target[n],stream[n],nextNumber[n],(len(sent[n]) == 0 -> 0 : nextNumber[n]),c;
       sent[n]!nextNumber[n],c; nextNumber[n]++; c = 0 }
#ifndef NO_RESEND
  /* No answer. A timer that fires too early is a fault. */
  :: d_step { target[n] != 0 && (len(sent[n]) > 0) && (len(inbox[OTHER(n)]) == 0) && (len(answers[n]) == 0) &&
       (inStream[OTHER(n)] != stream[n] || open[OTHER(n)] == 0) -> send_again(n, 0) }
#endif
  :: d_step { FAULT(target[n] != 0 && (len(sent[n]) > 0)) -> send_again(n, 0) }
  :: d_step { (len(answers[n]) > 0) ->
       answers[n]?a,s,k;
       if
       :: s != stream[n]
       :: s == stream[n] && a == SETTLED ->
          if
          :: sent[n]??[eval(k), _] -> sent[n]??eval(k),c; acknowledge(c)
          :: else
          fi
       :: s == stream[n] && a == REFUSED -> target[n] = 0
       :: s == stream[n] && a == GAP ->
          if
          :: target[n] != 0 -> e = k; send_again(n, e); e = 0
          :: else
          fi
       fi;
       a = 0; s = 0; k = 0; c = 0 }
  od
}

proctype Owner(byte n) {
end: do
  :: d_step { (len(inbox[n]) > 0) && ROOM(answers[OTHER(n)]) && len(mailbox[n]) < COPIES -> offer(n) }
  /* The account is read in a statement of its own, after the commit that raised the epoch. */
  :: d_step { own[n] != 0 && !read[n] && call[n] == IDLE -> read[n] = 1; moved[n] = 0; seq[n] = ledgerSeq }
  :: d_step { own[n] != 0 && read[n] && call[n] == IDLE && hand[n] == NONE && (len(mailbox[n]) > 0) ->
       mailbox[n]?hand[n],handStream[n],handNumber[n]; submit(n) }
  :: d_step { own[n] != 0 && read[n] && call[n] == IDLE && hand[n] != NONE -> submit(n) }
  :: d_step { (call[n] == COMMITTED || call[n] == REPEAT) && ROOM(answers[OTHER(n)]) ->
       if
       :: call[n] == COMMITTED -> seq[n]++
       :: else
       fi;
       settle(n); forget_call(n) }
  :: d_step { call[n] == STALE -> read[n] = 0; forget_call(n) }
  :: d_step { call[n] == FENCED -> forget_call(n); let_go(n) }
  /* No answer, or the actor crashed: its state is dropped, it reads again and decides the same command again. */
  :: d_step { FAULT(call[n] != IDLE && call[NODES + n] == IDLE) -> abandon_call(n); read[n] = 0 }
  /* The directory was read: somebody else has it. */
  :: d_step { own[n] != 0 && own[n] < epoch && call[NODES + n] == IDLE -> abandon_call(n); let_go(n) }
  od
}

proctype Keeper(byte n) {
end: do
  /* Nobody serves it: free by the directory, its owner dead, or a takeover whose outcome stayed unknown. */
  :: d_step { claim[n] == 0 && own[n] == 0 && released[n] == 0 && (rowOwner == NOBODY || own[rowOwner] != epoch) &&
       !(rowOwner != NOBODY && claim[rowOwner] == 2) -> claim[n] = 1; seen[n] = epoch; before[n] = ledgerSeq }
  /* From an owner that is alive: frozen beyond its lease, cut off, or a clock that is wrong. */
  :: d_step { FAULT(claim[n] == 0 && own[n] == 0 && released[n] == 0) -> claim[n] = 1; seen[n] = epoch; before[n] = ledgerSeq }
#ifdef TAKEOVER_NO_WAIT
  :: d_step { claim[n] == 1 ->
#else
  :: d_step { claim[n] == 1 && rowLock == 0 ->
#endif
       if
#ifdef TAKEOVER_UNSEEN
       :: true -> epoch = seen[n] + 1; rowOwner = n; takenBy = n; claim[n] = 2
#else
       :: epoch == seen[n] -> epoch++; rowOwner = n; takenBy = n; claim[n] = 2
       :: else -> claim[n] = 0; seen[n] = 0; before[n] = 0
#endif
       fi }
  :: d_step { claim[n] == 2 ->
       own[n] = seen[n] + 1; claim[n] = 0; seen[n] = 0; take_back(n);
#ifdef BUMP_READS
       read[n] = 1; seq[n] = before[n];
#endif
       before[n] = 0 }
  :: d_step { FAULT(claim[n] == 2) -> claim[n] = 0; seen[n] = 0; before[n] = 0 }
  /* Hand-off: takes nothing more, finishes, goes, and only then writes "nobody". */
  :: d_step { FAULT(own[n] != 0 && !leaving[n] && ROOM(answers[OTHER(n)])) -> leaving[n] = 1; close_incoming(n) }
  :: d_step { leaving[n] && AT_REST(n) -> released[n] = own[n]; let_go(n) }
  :: d_step { FAULT(leaving[n] && !AT_REST(n) && call[NODES + n] == IDLE) -> abandon_call(n); released[n] = own[n]; let_go(n) }
  :: d_step { released[n] != 0 && rowLock == 0 ->
       if
       :: released[n] == epoch && rowOwner == n -> rowOwner = NOBODY
       :: else
       fi;
       released[n] = 0 }
  od
}

/* migrations/0002_commit.sql: the fence is the first statement, and the lock stays to the end. */
proctype Postgres(byte q) {
end: do
#ifdef NO_FENCE
  :: d_step { call[q] == SENT -> call[q] = LOCKED }
#else
#ifdef WEAK_FENCE
  :: d_step { call[q] == SENT ->
#else
  :: d_step { call[q] == SENT && rowLock == 0 ->
#endif
       if
       :: callEpoch[q] != epoch ->
          if
          :: q >= NODES -> forget_call(q)
          :: else -> call[q] = FENCED
          fi
       :: else ->
          call[q] = LOCKED;
#ifndef WEAK_FENCE
          rowLock = 1 + q
#endif
       fi }
#endif
  :: d_step { call[q] == LOCKED ->
       if
       :: rowLock == 1 + q -> rowLock = 0
       :: else
       fi;
       MUST(OWNER, callEpoch[q] == epoch && takenBy == q % NODES);
       MUST(FRESH, callSeq[q] == ledgerSeq || q >= NODES || moved[q % NODES]);
       if
#ifndef NO_SEQ
       :: callSeq[q] != ledgerSeq -> call[q] = STALE
#endif
#ifndef NO_IDENTITY
#ifdef NO_SEQ
       :: decided[callMessage[q]] > 0 -> call[q] = REPEAT
#else
       :: callSeq[q] == ledgerSeq && decided[callMessage[q]] > 0 -> call[q] = REPEAT
#endif
#endif
       :: else ->
          MUST(ONCE, decided[callMessage[q]] == 0);
          MUST(ORDER, callMessage[q] == 0 || decided[callMessage[q] - 1] > 0);
#ifdef NO_SEQ
          MUST(FRESH, callSeq[q] == ledgerSeq);
#endif
          decided[callMessage[q]]++; ledgerSeq++;
          call[q] = COMMITTED;
          if
          :: q >= NODES && own[q % NODES] == callEpoch[q] && read[q % NODES] -> moved[q % NODES] = 1
          :: else
          fi
       fi;
       if
       :: q >= NODES -> forget_call(q)
       :: else
       fi }
  od
}

inline close_channel() {
  reading = 0;
  i = 0;
  do
  :: i < MESSAGES ->
     if
#ifdef SESSIONS_OVERLAP
     :: queue[i] == UNACKED -> queue[i] = (i == 0 -> UNACKED + 2 : READY)
#else
     :: queue[i] == UNACKED -> queue[i] = READY
#endif
     :: else
     fi;
     i++
  :: i == MESSAGES -> break
  od;
  i = 0
}

inline kill(n) {
  abandon_call(n);
  do
  :: (len(line[n]) > 0) -> line[n]?_
  :: (len(sent[n]) > 0) -> sent[n]?_,_
  :: (len(inbox[n]) > 0) -> inbox[n]?_,_,_,_,_
  :: (len(answers[n]) > 0) -> answers[n]?_,_,_
  :: (len(mailbox[n]) > 0) -> mailbox[n]?_,_,_
  :: (len(line[n]) == 0) && (len(sent[n]) == 0) && (len(inbox[n]) == 0) && (len(answers[n]) == 0) && (len(mailbox[n]) == 0) -> break
  od;
  hand[n] = NONE; handStream[n] = 0; handNumber[n] = 0;
  own[n] = 0; leaving[n] = 0; released[n] = 0; read[n] = 0; seq[n] = 0; moved[n] = 0; open[n] = 0;
  taking[n] = 0; target[n] = 0; claim[n] = 0; seen[n] = 0; before[n] = 0;
  if
  :: reading && readerOf[session] == n -> close_channel()
  :: else
  fi
}

proctype World() {
end: do
  /* A connection broke: one message between nodes is lost. */
  :: d_step { FAULT((len(inbox[0]) > 0)) -> inbox[0]?_,_,_,_,_ }
  :: d_step { FAULT((len(inbox[1]) > 0)) -> inbox[1]?_,_,_,_,_ }
  :: d_step { FAULT((len(answers[0]) > 0)) -> answers[0]?_,_,_ }
  :: d_step { FAULT((len(answers[1]) > 0)) -> answers[1]?_,_,_ }
  /* The reader's channel is gone; what it holds in memory it goes on with. */
  :: d_step { FAULT(reading && session + 1 < SESSIONS) -> close_channel() }
  /* A process is killed. Its memory is gone, its commit goes on in the server. */
  :: d_step { FAULT((session + 1 < SESSIONS || !(reading && readerOf[session] == 0)) && call[NODES] == IDLE) -> kill(0) }
  :: d_step { FAULT((session + 1 < SESSIONS || !(reading && readerOf[session] == 1)) && call[NODES + 1] == IDLE) -> kill(1) }
  /* A taker ends the backend that holds the row: that commit is rolled back. */
  :: d_step { FAULT(rowLock != 0 && (claim[0] == 1 || claim[1] == 1)) ->
       c = rowLock - 1; rowLock = 0;
       forget_call(c);
       if
       :: c < NODES -> read[c] = 0
       :: else
       fi;
       c = 0 }
  od
}

/* Where nothing can move any more, everything is done. */
proctype Rest() {
end: atomic { timeout -> MUST(ENDS, ALL_GONE); MUST(KEPT, ALL_DECIDED) }
}

init {
  d_step { own[0] = 1; readerOf[0] = FIRST_READER }
  atomic {
    run Reader(0); run Forwarder(0); run Owner(0); run Keeper(0); run Postgres(0); run Postgres(2);
    run Reader(1); run Forwarder(1); run Owner(1); run Keeper(1); run Postgres(1); run Postgres(3);
    run World(); run Rest()
  }
}
