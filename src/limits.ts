import { DECODE_LIMITS } from './contracts/decode-limits.ts';
import { RULE_LIMITS } from './contracts/rule-limits.ts';

/**
 * Every bound of the processor, in one place. A queue, map, batch, wait or retry without a bound here is a bug.
 * Relations between them are asserted by `assertLimits` at start.
 */
const BOUNDS = {
  /** `bodyBytesMax`, `bodyDepthMax`, `refusalIssuesMax`. */
  ...DECODE_LIMITS,
  /** `rulesMax`, `ruleSelectorsMax`, `ruleWindowSecondsMax`, `historyKeptMax`, `historyWalkMax`, `eventAgeMsMax`. */
  ...RULE_LIMITS,
  /** Bytes of bodies in flight from one queue, to which the intake window is fitted; five queues make 30 MiB. */
  queueBytesMax: 6 * 1024 * 1024,
  /** Intake window at start; it doubles while the work keeps up. A backlog of large bodies comes with so many of them at once. */
  windowStart: 100,
  /**
   * The intake window is no larger than this for each node that owns shards: enough for one commit under way and one that gathers. What
   * is longer in memory costs the collector: a drain by one node took 109 us of it per transaction with 4,000, 92 with 1,200, which is
   * too few for three.
   */
  windowPerOwner: 1_300,
  /** Deliveries, and messages of other nodes (50 forwards each), that are taken up in one turn of the event loop: some 8 ms of work. */
  deliveriesPerTurnMax: 200,
  inboxMessagesPerTurnMax: 4,
  /** Acknowledgements follow each other no faster than this times the root of how many there were at last, unless the broker waits for them. */
  ackGatherGrowthMs: 5,
  ackGatherMsMax: 25,
  /** Acknowledged prefix stands still for this long: settled deliveries behind the gap are acknowledged singly. */
  ackGapMsMax: 500,
  /** Commands an actor decides into one commit. */
  actorBatchMax: 500,
  /** Commands in one commit call. 500 to 1,000 is where the bare loop stops gaining. */
  commitCommandsMax: 1000,
  /**
   * Commits follow each other no faster than this times the root of how many commands the last one had (`gatherRestMs`), or once there are
   * `commitEnoughCount`: some 9 ms apart at 1,000 commands a second, 32 ms from 3,600 on.
   */
  commitGatherGrowthMs: 3,
  commitGatherMsMax: 32,
  commitEnoughCount: 300,
  /** A commit waits this long for a row that somebody else is inserting or locking, then reports `busy`. */
  commitLockTimeoutMs: 300,
  /** A commit of 1,000 commands takes some 50 ms; one that takes this long is cancelled by the server. */
  commitStatementTimeoutMs: 5_000,
  /** No answer at all after this long: the connection is given up, the outcome is unknown. */
  commitAnswerTimeoutMs: 8_000,
  /** Times a failing single command is tried before it is a dead letter (SQLSTATE classes 22 and 23). */
  commitRefusedMax: 2,
  /** Times a change that is in somebody's way is tried again by the lane, each after a pause of this length on average. */
  commitBusyRetriesMax: 2,
  commitBusyPauseMs: 20,
  /** Known cards and originals an actor remembers. */
  actorCardsMax: 64,
  /** Steps an account's statechart may take for one event: above two per command of the largest mailbox, so only a circle gets there. */
  actorStepsMax: 50_000,
  /** Restarts of one account's actor within `restartWindowMs` before the account is quarantined. */
  actorRestartsMax: 3,
  restartWindowMs: 60_000,
  /** Backoff of a failed hydration. */
  hydrateBackoffMsMin: 50,
  hydrateBackoffMsMax: 5_000,
  /** Ids in one loader query. */
  loaderBatchMax: 1000,
  /** Queries of a loader follow each other no faster than this times the root of how many ids the last one had. */
  loaderGatherGrowthMs: 2,
  loaderGatherMsMax: 20,
  /** Accounts whose past is read in one query: some rows each, `historyKeptMax` of each outcome at most. */
  historyBatchMax: 50,
  /** How often a node looks for a new rule set. */
  rulesPollMs: 1_000,
  /** Balances in one cache script call. */
  cacheBatchMax: 500,
  /** Outbox rows of a dead incarnation are taken over when they are this old. */
  outboxTakeoverAgeMs: 2_000,
  /** A cache write counts as safe this long after Redis confirmed it (appendfsync everysec). */
  cacheDurableMs: 1_100,
  /** Items handed to a store in one call. */
  storeBatchMax: 500,
  /** Backoff of a store, of the cache or of a publication that failed. */
  storeBackoffMsMin: 50,
  storeBackoffMsMax: 2_000,
  /** Parked commands taken up at a time, and how many bytes of bodies. */
  parkedBatchMax: 200,
  parkedBatchBytesMax: 8 * 1024 * 1024,
  /** Accounts with parked commands looked at in one turn. */
  parkedAccountsMax: 500,
  /** Text of a reason that travels in the header of a dead letter. */
  detailCharsMax: 1_000,
  /** Retries taken out of the ledger and not answered yet. */
  retriesInFlightMax: 1_000,
  /** Originals whose decision wakes the refunds that wait for it; the refunds of further ones are left to the retry clock. */
  earlyOriginalsMax: 20_000,
  /** How often the ledger is asked for due retries, and how late one must be: until then it is the retry clock's. */
  retryPollMs: 1_000,
  /** The same while more are due than were taken. */
  retryPollBusyMs: 100,
  retryPollGraceMs: 1_000,
  /** Balances that wait for the cache; with Redis away longer than that, further ones are left to the next start. */
  cachePendingMax: 1_000_000,
  /** How often outbox rows of dead incarnations are looked for, and how many are taken at once: each may be 2,000 events. */
  outboxTakeoverMs: 1_500,
  outboxTakeoverRowsMax: 100,
  /** Rows behind those, and accounts of them, whose balances are shown with them: a portion takes a second. */
  outboxBehindRowsMax: 1_000,
  outboxBehindIdsMax: 20_000,
  /** Outbox rows deleted in one statement. */
  outboxRemovalRowsMax: 500,
  /** Decisions, and balances, whose events are published at once and wait for their confirms together: some 5 ms of CPU. */
  eventBatchMax: 1_000,
  /** Portions of events follow each other no faster than this times the root of how many decisions the last one was of. */
  eventGatherGrowthMs: 5,
  eventGatherMsMax: 25,
  /** Events in one message, and the length of it beyond which another one is begun: 300 characters are usual for an event. */
  eventsPerMessageMax: 100,
  eventsMessageCharsMax: 65_536,
  /** Decisions kept in memory for their events (0.3 kB each); of further commits only the ids, and they are read from the ledger. */
  eventDecisionsMax: 20_000,
  /** Commits whose events wait; those of further ones are left to be taken over. */
  eventRowsMax: 100_000,
  /** Commits of which events are read from the ledger at a time. */
  eventRowsReadMax: 10,
  /** How often idle accounts are looked for. */
  passivationSweepMs: 1_000,
  /** Idle accounts stopped in one turn: about 10 ms. */
  passivationsMax: 500,
  /** How long a starting node waits for PostgreSQL. */
  startPatienceMs: 15_000,
  /** How long a starting node waits for broker and readers before it goes on without some of them. */
  intakePatienceMs: 5_000,
  /** How often the servers are looked at and queue depths are read. */
  healthPollMs: 2_000,
  unhealthyPollMs: 200,
  /** How long `paygate health` waits for the answer. */
  healthAnswerMs: 2_000,
  /** What waits in the ledger is looked up for metrics at most this often, and waited for so long. */
  ledgerLookMs: 1_000,
  ledgerLookTimeoutMs: 1_000,
  /** RabbitMQ finds a frozen reader after two to three of these. */
  brokerHeartbeatSeconds: 5,
  /** Opening a connection, and closing one in good order. */
  connectTimeoutMs: 5_000,
  closeTimeoutMs: 2_000,
  /** Backoff of a lost connection: doubled from the base this many times at most (3.2 s). */
  reconnectBaseMs: 100,
  reconnectDoublingsMax: 6,
  /** A connection that was up this long has no failures behind it. */
  connectionStableMs: 5_000,
  /** What may gather in a socket to the broker before whoever publishes must wait for it. */
  brokerWriteBytesMax: 1024 * 1024,
  /** Queues beside those of the contract (`INBOUND_QUEUES`): each is a connection, a role and a window of its own. */
  partitionsMax: 32,
  /** How often a queue that somebody else reads is asked for again. */
  exclusiveRetryMs: 500,
  /** A body above this halves the intake window. */
  largeBodyBytes: 64 * 1024,
  /** Intake window where the broker does not let it change. */
  windowFixed: 1_000,
  /** A publication without confirm after this long is given up (its outcome is unknown). */
  publishTimeoutMs: 10_000,
  /** Any answer of Redis. */
  redisCommandTimeoutMs: 2_000,
  /**
   * A role is its holder's for this long after the last tick; ticks are this far apart, and one without answer is given up. A node
   * that is frozen or cut off is replaced after a lease and two ticks.
   */
  leaseMs: 4_000,
  leaseTickMs: 750,
  leaseAnswerTimeoutMs: 1_000,
  /** A tick renews only if our own inbox was reached within this time (and PostgreSQL in the tick itself). */
  inboxFreshMs: 1_500,
  /** How often every peer's inbox, and our own, is sent a ping; our own is built again when so many in a row do not come back. */
  inboxPingMs: 500,
  inboxPingsUnansweredMax: 5,
  /** For so long after our own connection came up a peer without inbox may be about to connect as well. */
  inboxGraceMs: 3_500,
  /** Expiry of cached balances. */
  cacheExpirySeconds: 86_400,
  /** Due retries handed out by the retry clock and not answered. */
  retryClockDueMax: 50,
  /** Waits of the connections that load and store (commit lanes have their own). */
  poolConnectTimeoutMs: 10_000,
  poolStatementTimeoutMs: 30_000,
  poolLockTimeoutMs: 2_000,
  poolIdleInTransactionTimeoutMs: 10_000,
  /** The work of an outbox takeover waits for Redis inside a transaction; past this the server ends it. */
  outboxWorkTimeoutMs: 30_000,
  /** A takeover waits this long for a commit of the old owner, then ends the old owner's connections; so many times. */
  takeoverLockTimeoutMs: 500,
  takeoverAttemptsMax: 10,
  /** How long the server may take to end one connection. */
  terminateTimeoutMs: 1_000,
  /** What is kept of a dead body above `bodyBytesMax`, and how many bytes of bodies travel in one statement. */
  deadBodyCutBytes: 64 * 1024,
  deadBodyBatchBytesMax: 8 * 1024 * 1024,
  /** A letter whose transaction's row somebody else holds is tried again after this long. */
  letterRowHeldMs: 500,
  /** Text of a reason that is kept with a dead letter. */
  deadDetailCharsMax: 4_000,
  /** Dead letters that an operator sends or discards in one commit; ids that one command takes up, and outcomes that it reads at once. */
  letterPortionMax: 50,
  lettersMax: 1_000_000,
  letterOutcomesMax: 500,
  /** What was sent again is looked for this often; what had been decided before counts as such after this long without a new dead letter. */
  letterPollMs: 200,
  letterGraceMs: 2_000,
  /** Rounds of writing retries that vanish between a conflict and the look at it. */
  retryWriteRoundsMax: 10,
  /** Blocks of `transactions` read in one statement while history is taken over (16 MiB), and rows named when it is unclear. */
  openingBlocksPerStep: 2_048,
  openingExamplesMax: 20,
  /** One message between nodes: so many commands, so many bytes (a larger body travels alone). */
  forwardBatchMax: 50,
  forwardBatchBytesMax: 256 * 1024,
  /** Forwards, and answers, follow each other no faster than this times the root of how many there were in the last portion. */
  forwardGatherGrowthMs: 2,
  forwardGatherMsMax: 10,
  /** Commands of one shard at its owner and not answered. */
  forwardWindowMax: 500,
  /** No answer to the oldest of them for this long: sent again, the wait doubled so many times at most. */
  forwardAnswerTimeoutMs: 1_000,
  forwardSilenceDoublingsMax: 3,
  /** A shard's owner that refused is asked again after this long, if it still is the owner. */
  forwardReopenPauseMs: 50,
  /** Shards (or ingest roles) that one node hands off at a time. */
  handOffsMax: 16,
  /** Operators' orders in a node's hands; further ones are left unheard and asked again. */
  ordersInHandMax: 100,
  /** No answer to an order for this long: whoever owns the account now is asked again, so many milliseconds later, until the deadline. */
  orderAnswerTimeoutMs: 2_000,
  orderPauseMs: 200,
  orderDeadlineMs: 15_000,
  /**
   * Garbage that may gather on the heap, in percent of what is alive, before it is swept; V8 itself goes up to 300 where a machine
   * has much memory. A drain of 50,000 messages over 10,000 accounts: 250 MB resident with 50, 460 to 490 MB without, for about 5 us
   * of CPU per transaction.
   */
  heapGrowthPercent: 50,
  /** A shard that is handed off is looked at this often, and has this long to finish. */
  handOffPollMs: 10,
  handOffFinishMs: 5_000,
  /** An ingest role that is given away has this long to finish what it read; the rest is read by the next one. */
  intakeFinishMs: 2_000,
  /** A queue is read again this long after more had come than a node may hold. */
  intakeRestartMs: 1_000,
  /** Two reads of the directory and a takeover at a time. */
  directoryConnections: 3,
  /** Commands of a shard without owner are parked after this long; looked for this often. */
  orphanMs: 10_000,
  orphanPollMs: 1_000,
  /** Ticks are this far apart until a starting node knows who is there. */
  startTickMs: 250,
  /** Rows without a message that are driven and not answered. */
  sweepOnRoadMax: 1_000,
  /** Rows, in whatever status, in one look for them: some 10 ms of the server. */
  sweepSliceRows: 20_000,
  sweepSlicesMax: 50,
  /** Rows looked at once more in a round: of a busy installation's day a part, of a quiet one's all. */
  sweepAgainRowsMax: 60_000,
  /** How much later than its row a message may come into the queue than others that are as old. */
  sweepSkewMs: 5_000,
  /** What one sweeper has looked at last is looked at again by the next one. */
  sweepMarkOverlapMs: 600_000,
  /** A row that was driven and is PENDING still rests, longer each time, up to this. */
  sweepRestMsMax: 3_600_000,
  sweepRestingMax: 10_000,
  /** Refunds without a target that wait for their letter. */
  sweepTargetlessMax: 10_000,
  /** Backoff of rounds that failed. */
  sweepPauseMsMax: 15_000,
  /** The server ends the session of a sweeper that says nothing for so long, and its turn with it. */
  sweepIdleTimeoutMs: 40_000,
  /**
   * Seals end this far in the past, further than the clock of a server is set back or that of its successor lies behind; that a commit
   * takes long is found out by asking, not by waiting. One that is still under way then is asked for again after `sealRetryMs`, so many times.
   */
  sealLagMs: 10_000,
  sealRetryMs: 1_000,
  sealRetriesMax: 30,
  /** Rows hashed in one step (0.2 s), and the stretch of time looked at first. */
  sealRowsMax: 20_000,
  sealSpanMs: 60_000,
  shardCount: 256,
  /** What a node says of itself counts for so long, and its last so many seconds are kept for the plots. */
  figuresKeptMs: 5_000,
  figureSecondsMax: 300,
  /** Open pages of a node's console. */
  consoleViewersMax: 20,
  /** What an open page, of console or inspector, may leave unread before its connection is ended. */
  streamUnsentBytesMax: 1024 * 1024,
  /** How often a watched cluster is looked at, and a watched account; the check of balances. */
  consoleTickMs: 1_000,
  consoleAccountTickMs: 400,
  consoleCheckMs: 10_000,
  /** Balances compared with their journal in one check. */
  consoleCheckAccountsMax: 200,
  /** Connections of the console to PostgreSQL, and the longest query. */
  consoleConnections: 2,
  /** Connections to the admin port at once; pages that look on hold one or two each. */
  httpConnectionsMax: 512,
  httpHeaderBytesMax: 16 * 1024,
  httpRequestTimeoutMs: 10_000,
  /** Nobody has anything to send us. */
  httpBodyBytesMax: 1_024,
  /** Wrong tokens, tickets and cookies from one address within `httpGuessWindowMs`; then it is not listened to for as long. */
  httpGuessesMax: 20,
  httpGuessWindowMs: 60_000,
  /** Addresses whose wrong guesses are counted; beyond it all guesses count for one. */
  httpGuessersMax: 1_000,
  consoleStatementTimeoutMs: 1_500,
  /** Rows of a list, and how far a count goes. */
  consoleRowsMax: 100,
  consoleCountMax: 10_000,
  consoleJournalRows: 40,
  /** Live accounts that can be looked at on one node, and by how many. */
  inspectAccountsMax: 5,
  inspectViewersMax: 20,
  /** The last messages of an account that are kept for a viewer who comes back, the largest one, and how many a second. */
  inspectMessagesMax: 256,
  inspectMessageBytesMax: 16 * 1024,
  inspectMessagesPerSecond: 200,
  /** So long after its last viewer an account is still looked at, and so often it is asked where one without actor is. */
  inspectLingerMs: 2_000,
  inspectLookMs: 1_000,
  /** How often a node looks which webhook endpoints there are, and for deliveries that are due. */
  webhookPollMs: 1_000,
  /** Deliveries of one node under way: in all, and to one endpoint. One that fails is tried with a single one. */
  webhooksInFlightMax: 50,
  webhooksPerEndpointMax: 10,
  /** A claim outlives the longest try by this: what a dead node was at is taken up then. */
  webhookClaimMarginMs: 5_000,
  /** No retry of a delivery waits longer, and no endpoint that fails is left alone for longer. */
  webhookRetryMsMax: 3_600_000,
  webhookPauseMsMax: 300_000,
  /** What is read of an answer before its connection is given up. */
  webhookAnswerBytesMax: 64 * 1024,
  webhookEndpointsMax: 100,
  /** Deliveries that may wait for one endpoint (1 kB each): beyond it nothing more is kept for it. */
  webhookBacklogMax: 200_000,
  /** How often is tidied up, how many rows are removed in a step, how long ended deliveries are kept. */
  webhookTidyMs: 10_000,
  webhookTidyRowsMax: 5_000,
  webhookDeliveredKeptMs: 86_400_000,
  webhookFailedKeptMs: 30 * 86_400_000,
  webhookConnections: 3,
  /** A replaced secret signs as well for this long, unless an operator says otherwise. */
  webhookRotationMs: 86_400_000,
} as const;

export type Limits = Readonly<Record<keyof typeof BOUNDS, number>>;

export const LIMITS: Limits = Object.freeze(BOUNDS);

/** Throws when two bounds contradict each other. */
export function assertLimits(): void {
  const relations: readonly (readonly [boolean, string])[] = [
    [LIMITS.actorBatchMax <= LIMITS.commitCommandsMax, 'actorBatchMax must fit into one commit'],
    [
      LIMITS.commitStatementTimeoutMs < LIMITS.commitAnswerTimeoutMs,
      'the server must give up on a commit before its client does',
    ],
    [LIMITS.hydrateBackoffMsMin < LIMITS.hydrateBackoffMsMax, 'hydrate backoff must grow'],
    [LIMITS.outboxTakeoverAgeMs > LIMITS.cacheDurableMs, 'a live outbox row must not look abandoned'],
    [
      LIMITS.outboxTakeoverAgeMs + LIMITS.outboxTakeoverMs + LIMITS.cacheDurableMs < 5_000,
      'balances that a dead node has left must be right within 5 s, also when a takeover has just begun',
    ],
    [LIMITS.storeBackoffMsMin < LIMITS.storeBackoffMsMax, 'store backoff must grow'],
    [
      3 * LIMITS.leaseTickMs + LIMITS.leaseAnswerTimeoutMs < LIMITS.leaseMs,
      'a lease must outlive three ticks that go wrong',
    ],
    [
      LIMITS.reconnectBaseMs * 2 ** (LIMITS.reconnectDoublingsMax - 1) < LIMITS.inboxGraceMs,
      'a peer must have had the time to connect again before it counts as dead',
    ],
    [
      LIMITS.inboxPingMs * LIMITS.inboxPingsUnansweredMax < LIMITS.leaseMs,
      'an inbox must be built again before its node gives up its leases',
    ],
    [
      LIMITS.orderAnswerTimeoutMs + LIMITS.orderPauseMs < LIMITS.orderDeadlineMs,
      'an order must be asked for more than once',
    ],
    [
      2 * LIMITS.sweepPauseMsMax < LIMITS.sweepIdleTimeoutMs,
      'the turn to sweep must not be lost between two rounds',
    ],
    [
      LIMITS.commitStatementTimeoutMs < LIMITS.sealLagMs,
      'a seal must not end where most commits may still be under way',
    ],
    [LIMITS.bodyBytesMax <= LIMITS.queueBytesMax, 'one body must fit into the window'],
    [LIMITS.forwardBatchMax <= LIMITS.forwardWindowMax, 'a forwarded batch must fit into its window'],
  ];
  for (const [holds, rule] of relations) if (!holds) throw new Error(`limits contradict each other: ${rule}`);
}
