/* Who ends up serving, when something stays broken: one shard and one queue, two nodes, leases and records in Redis, the
 * directory in PostgreSQL, the exclusive consumer in RabbitMQ. That a stale owner cannot write is ownership.pml's business; here the
 * question is whether it keeps going: from some moment on, somebody who reaches what is needed owns the shard and knows it,
 * and somebody reads the queue (SERVED). And that a FLUSHALL takes no shard from an owner at work (CALM).
 *
 * No clocks: a lease or a record may run out as soon as nobody renews it. One fault, at any time; it is mended, or stays for good.
 *
 * Planted bugs: NO_GATE, NO_EPOCH_ALONE, NO_BOOT, READER_WAITS_FOR_REDIS.
 */
#include "common.pml"

bool toRedis[NODES] = 1, toPostgres[NODES] = 1, toBroker[NODES] = 1, up[NODES] = 1, redis = 1;
byte preferred;                       /* placement: the node that the roles belong to while it is there */

/* ---- Redis */
byte shardLease = 1, queueLease = 1;  /* 0 free, 1 + the holder */
bool record[NODES] = 1;
bool lost;                            /* ghost: leases were lost, and nothing else has happened */
bool young;                           /* a boot: leases may be missing whose owners are at work */
bool ticked[NODES];

/* ---- PostgreSQL, RabbitMQ */
byte rowOwner;
byte consumer = 1;                    /* 0 nobody, 1 + the node that has the exclusive consumer */

/* ---- what a node believes */
#define SETTLED 0
#define YOUNG 1
#define UNKNOWN 2
byte trust[NODES];
bool counted[NODES] = 1;              /* node n counts the other one */
bool buried[NODES];                   /* node n knows that the other's inbox is gone */
bool own[NODES], intake[NODES], lastRead[NODES];

#define SEES(n) (up[n] && redis && toRedis[n])
#define HEALTHY(n) (up[n] && toPostgres[n] && toBroker[n])
#ifdef NO_GATE
#define GATE(n) (up[n])
#else
#define GATE(n) HEALTHY(n)
#endif
#define RENEWS(n) (SEES(n) && GATE(n))
#define THERE(n) (counted[n] && !buried[n])
#define BELONGS(n) (preferred == n || !THERE(n))
#define OTHERS_ROW(n) (rowOwner == OTHER(n))
#define SELF(n) (rowOwner == n && !own[n])

/* cluster/peers.ts: a tick, and what it tells. Each step changes something, so none can be taken for ever. */
proctype Tick(byte n) {
end: do
  :: d_step { RENEWS(n) && !record[n] -> record[n] = 1 }
  :: d_step { RENEWS(n) && young && !ticked[n] && record[n] && (!own[n] || shardLease != 0) && (!intake[n] || queueLease != 0) -> ticked[n] = 1 }
  od
}
proctype Trust(byte n) {
end: do
  :: d_step { up[n] && !SEES(n) && trust[n] != UNKNOWN -> trust[n] = UNKNOWN }
#ifdef NO_BOOT
  :: d_step { RENEWS(n) && record[n] && trust[n] != SETTLED -> trust[n] = SETTLED }
#else
  :: d_step { RENEWS(n) && record[n] && young && trust[n] != YOUNG -> trust[n] = YOUNG }
  :: d_step { RENEWS(n) && record[n] && !young && trust[n] != SETTLED -> trust[n] = SETTLED }
#endif
  od
}
/* While the boot is young, a missing record says nothing. */
#ifdef NO_BOOT
#define BELIEVES_ABSENCE true
#else
#define BELIEVES_ABSENCE !young
#endif
proctype View(byte n) {
end: do
  :: d_step { RENEWS(n) && record[n] && record[OTHER(n)] && !counted[n] -> counted[n] = 1 }
  :: d_step { RENEWS(n) && record[n] && !record[OTHER(n)] && counted[n] && BELIEVES_ABSENCE -> counted[n] = 0 }
  :: d_step { RENEWS(n) && record[n] && record[OTHER(n)] && buried[n] && up[OTHER(n)] && toBroker[OTHER(n)] -> buried[n] = 0 }
  /* A message to its inbox came back. */
  :: d_step { up[n] && toBroker[n] && !(up[OTHER(n)] && toBroker[OTHER(n)]) && !buried[n] -> buried[n] = 1 }
  od
}

inline take(n) {
  MUST(CALM, !(lost && OTHERS_ROW(n) && own[OTHER(n)] && RENEWS(OTHER(n))));
  rowOwner = n; own[n] = 1
}

/* cluster/claims.ts (LEASE_MODES), shard-keeper.ts */
proctype Shard(byte n) {
end: do
  /* acquire: nobody's, or of somebody who is no longer seen */
  :: d_step { RENEWS(n) && trust[n] == SETTLED && BELIEVES_ABSENCE && BELONGS(n) && (shardLease == 0 || shardLease == 1 + n) &&
       (rowOwner == NOBODY || (OTHERS_ROW(n) && !counted[n] && !buried[n])) -> shardLease = 1 + n; take(n) }
  /* reassert: ours by PostgreSQL, or nobody's while the boot is young */
  :: d_step { RENEWS(n) && trust[n] != UNKNOWN && (shardLease == 0 || shardLease == 1 + n) &&
       (SELF(n) || (rowOwner == NOBODY && trust[n] == YOUNG && BELONGS(n))) -> shardLease = 1 + n; take(n) }
  /* overwrite: of somebody who is proven dead */
  :: d_step { RENEWS(n) && trust[n] == SETTLED && BELIEVES_ABSENCE && BELONGS(n) && OTHERS_ROW(n) && buried[n] -> shardLease = 1 + n; take(n) }
#ifndef NO_EPOCH_ALONE
  /* none: Redis is away, the epoch alone decides */
  :: d_step { GATE(n) && trust[n] == UNKNOWN && (SELF(n) || (BELONGS(n) && (rowOwner == NOBODY || (OTHERS_ROW(n) && buried[n])))) -> take(n) }
#endif
  od
}
proctype Fenced(byte n) {
end: do
  :: d_step { up[n] && toPostgres[n] && own[n] && rowOwner != n -> own[n] = 0 }
  od
}
proctype Leases(byte n) {
end: do
  :: d_step { RENEWS(n) && trust[n] != UNKNOWN && own[n] && shardLease == 0 -> shardLease = 1 + n }
  :: d_step { RENEWS(n) && trust[n] != UNKNOWN && !own[n] && !SELF(n) && shardLease == 1 + n -> shardLease = 0 }
  od
}
/* Hand-off: "nobody" into the row, then the lease. Only while leases are settled. */
proctype HandOff(byte n) {
end: do
  :: d_step { RENEWS(n) && trust[n] == SETTLED && !young && THERE(n) && preferred == OTHER(n) && own[n] && rowOwner == n ->
       own[n] = 0; rowOwner = NOBODY;
       if
       :: shardLease == 1 + n -> shardLease = 0
       :: else
       fi }
  od
}

/* cluster/ingest-keeper.ts */
proctype Ingest(byte n) {
end: do
  :: d_step { RENEWS(n) && trust[n] == SETTLED && BELIEVES_ABSENCE && BELONGS(n) && !intake[n] && (queueLease == 0 || queueLease == 1 + n) ->
       queueLease = 1 + n; intake[n] = 1; lastRead[n] = 1 }
  :: d_step { RENEWS(n) && trust[n] == YOUNG && BELONGS(n) && !intake[n] && (lastRead[n] || !OTHERS_ROW(n)) &&
       (queueLease == 0 || queueLease == 1 + n) -> queueLease = 1 + n; intake[n] = 1; lastRead[n] = 1 }
#ifndef READER_WAITS_FOR_REDIS
  :: d_step { GATE(n) && trust[n] == UNKNOWN && BELONGS(n) && !intake[n] -> intake[n] = 1; lastRead[n] = 1 }
#endif
  :: d_step { up[n] && !(GATE(n)) && intake[n] -> intake[n] = 0;
       if
       :: consumer == 1 + n -> consumer = 0
       :: else
       fi }
  od
}
proctype IngestLease(byte n) {
end: do
  :: d_step { RENEWS(n) && trust[n] != UNKNOWN && intake[n] && queueLease == 0 -> queueLease = 1 + n }
  /* It is another node's, or placement gives it away: the channel is closed, then the lease is given back. */
  :: d_step { RENEWS(n) && trust[n] != UNKNOWN && intake[n] && (queueLease == 1 + OTHER(n) || (trust[n] == SETTLED && !BELONGS(n))) ->
       intake[n] = 0; lastRead[n] = 0;
       if
       :: consumer == 1 + n -> consumer = 0
       :: else
       fi;
       if
       :: queueLease == 1 + n -> queueLease = 0
       :: else
       fi }
  :: d_step { RENEWS(n) && trust[n] != UNKNOWN && !intake[n] && !BELONGS(n) && queueLease == 1 + n -> queueLease = 0 }
  od
}
proctype Consumer(byte n) {
end: do
  :: d_step { up[n] && toBroker[n] && intake[n] && consumer == 0 -> consumer = 1 + n }
  od
}

/* What runs out when nobody renews it. */
proctype Expiry() {
end: do
  :: d_step { redis && shardLease != 0 && !(RENEWS(shardLease - 1)) -> shardLease = 0 }
  :: d_step { redis && queueLease != 0 && !(RENEWS(queueLease - 1)) -> queueLease = 0 }
  od
}
proctype Records() {
end: do
  :: d_step { redis && record[0] && !(RENEWS(0)) -> record[0] = 0 }
  :: d_step { redis && record[1] && !(RENEWS(1)) -> record[1] = 0 }
  od
}
/* A boot is old after a lease time, in which all who tick have put back what is theirs. */
proctype Boot() {
end: do
  :: d_step { young && (ticked[0] || !(RENEWS(0))) && (ticked[1] || !(RENEWS(1))) -> young = 0; ticked[0] = 0; ticked[1] = 0 }
  od
}
/* RabbitMQ's heartbeat. */
proctype Broker() {
end: do
  :: d_step { consumer != 0 && !(up[consumer - 1] && toBroker[consumer - 1]) -> consumer = 0 }
  od
}

/* A FLUSHALL, or an outage in which everything has run out. */
inline lose_leases() { shardLease = 0; queueLease = 0; record[0] = 0; record[1] = 0; young = 1; lost = 1 }

/* It stays, or is mended. */
#define BREAKS(what) d_step { true -> what = 0 }; if :: skip :: d_step { true -> what = 1 } fi
proctype World() {
  if
  :: skip
  :: BREAKS(toRedis[0])
  :: BREAKS(toPostgres[0])
  :: BREAKS(toBroker[0])
  :: d_step { true -> redis = 0 };
     if
     :: skip
     :: d_step { true -> redis = 1 }
     :: d_step { true -> redis = 1; lose_leases() }
     fi
  :: d_step { true -> up[0] = 0 }
  :: d_step { true -> redis = 0 }; d_step { true -> up[0] = 0 }
  :: d_step { true -> lose_leases() }
  fi
}

/* Keeps every run infinite, so that "nobody can move" is judged like any other. */
proctype Clock() { do :: d_step { true -> skip } od }

#define SERVED (rowOwner != NOBODY && own[rowOwner] && HEALTHY(rowOwner) && consumer != 0 && HEALTHY(consumer - 1))
/* Lease and epoch are one node's, as far as Redis can be asked. */
#define AGREED (!redis || !toRedis[0] || shardLease == 1 + rowOwner)
#if CHECK & ENDS
ltl ends { <> [] (SERVED && AGREED) }
#endif

init {
  d_step {
    own[0] = 1;
    if
    :: true -> preferred = 0
    :: true -> preferred = 1
    fi;
    if
    :: true -> consumer = 1; queueLease = 1; intake[0] = 1; lastRead[0] = 1
    :: true -> consumer = 2; queueLease = 2; intake[1] = 1; lastRead[1] = 1
    fi
  }
  atomic {
    run Tick(0); run Trust(0); run View(0); run Shard(0); run Fenced(0); run Leases(0); run HandOff(0);
    run Ingest(0); run IngestLease(0); run Consumer(0);
    run Tick(1); run Trust(1); run View(1); run Shard(1); run Fenced(1); run Leases(1); run HandOff(1);
    run Ingest(1); run IngestLease(1); run Consumer(1);
    run Expiry(); run Records(); run Boot(); run Broker(); run World(); run Clock()
  }
}
