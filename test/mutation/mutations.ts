/** One thing taken out of the code, and the smallest test that has to notice. */
export interface Mutation {
  /** What is taken out, as the end of "without …". */
  readonly without: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly text: string;
  readonly replacement: string;
  readonly test: GuardingTest;
}

export interface GuardingTest {
  readonly project: 'unit' | 'integration';
  readonly file: string;
  /** As written in the file, without that of its `describe`. */
  readonly name: string;
}

const FENCE: GuardingTest = {
  project: 'integration',
  file: 'test/integration/commit-fence.test.ts',
  name: 'a commit that waits behind a takeover finds itself fenced',
};

export const MUTATIONS: readonly Mutation[] = [
  {
    without: 'the lock of the fence',
    file: 'migrations/0002_commit.sql',
    text: 'order by s.shard\n      for no key update',
    replacement: 'order by s.shard',
    test: FENCE,
  },
  {
    without: 'a lock of the fence that is strong enough',
    file: 'migrations/0002_commit.sql',
    text: 'order by s.shard\n      for no key update',
    replacement: 'order by s.shard\n      for key share',
    test: FENCE,
  },
  {
    without: 'recognising what is decided',
    file: 'migrations/0002_commit.sql',
    text: `when r.row_status in ('APPROVED', 'REJECTED')
            or (select j.seq from processor.journal j where j.transaction_id = r.transaction_id) is not null
            then 'decided'`,
    replacement: `when false then 'decided'`,
    test: {
      project: 'integration',
      file: 'test/integration/contracts.test.ts',
      name: 'a decided transaction, with its first payload and outcome',
    },
  },
  {
    without: 'versions in the balance cache',
    file: 'src/infra/redis/balance-scripts.ts',
    text: 'if not current or #version > #current or (#version == #current and version >= current) then',
    replacement: 'if true then',
    test: {
      project: 'integration',
      file: 'test/integration/contracts.test.ts',
      name: 'lets no older version replace a newer one, by number and not by text; the others of a batch are written',
    },
  },
  {
    without: 'waiting for the commit before the acknowledgement',
    file: 'src/supervisor/ingest.ts',
    text: 'tally.received(delivery.partition ?? delivery.queue);',
    replacement: 'tally.received(delivery.partition ?? delivery.queue);\n    delivery.ack();',
    test: {
      project: 'unit',
      file: 'test/unit/supervisor/intake.test.ts',
      name: 'a command is decided, then acknowledged',
    },
  },
  {
    without: 'waiting for the confirms of events before their row is deleted',
    file: 'src/supervisor/outbox.ts',
    text: "this.#open.set(outboxId, events === null ? 'balances' : 'all');",
    replacement: "this.#open.set(outboxId, 'balances');",
    test: {
      project: 'unit',
      file: 'test/unit/supervisor/outbox.test.ts',
      name: 'not before the events are',
    },
  },
  {
    without: 'the numbers of forwards',
    file: 'src/supervisor/cluster/incoming-stream.ts',
    text: 'if (position.after >= this.#expected) return this.#missing(position.n);',
    replacement: '',
    test: {
      project: 'unit',
      file: 'test/unit/cluster/incoming-stream.test.ts',
      name: 'takes in order only, and complains once for each gap',
    },
  },
  {
    without: 'the place of what is given back: at the tail instead of before what came after it',
    file: 'src/supervisor/router.ts',
    text: 'while (place > 0 && (queue[place - 1]?.n ?? 0) > envelope.n) place -= 1;',
    replacement: '',
    test: {
      project: 'unit',
      file: 'test/unit/supervisor/region.test.ts',
      name: 'what is given back goes before what came after it',
    },
  },
  {
    without: 'exact amounts on the console: as numbers',
    file: 'src/console/page/format.ts',
    text: "const digits = cents.replace(/^-/, '').padStart(3, '0');",
    replacement: "const digits = Math.abs(Number(cents)).toString().padStart(3, '0');",
    test: {
      project: 'unit',
      file: 'test/unit/console/format.test.ts',
      name: 'is exact for everything that the ledger can hold',
    },
  },
  {
    without: 'what a page of the console missed while it was away',
    file: 'src/infra/console/console-feed.ts',
    text: 'this.#tell(viewer, look, pointsAfter(look, viewer.since), look.shards);',
    replacement: 'this.#tell(viewer, look, look.points.slice(-4), look.shards);',
    test: {
      project: 'unit',
      file: 'test/unit/console/console-feed.test.ts',
      name: 'that comes back gets what it missed, all of it, and not what it has',
    },
  },
  {
    without: 'the guard around what looks at a live account',
    file: 'src/infra/inspection/account-watch.ts',
    text: "this.#warn(error, 'a message of the inspector was left out');",
    replacement: 'throw error;',
    test: {
      project: 'unit',
      file: 'test/unit/inspection/inspection-desk.test.ts',
      name: 'by a disclosure that throws',
    },
  },
  {
    without: 'the name a reader of the console must come by',
    file: 'src/infra/http/access.ts',
    text: 'return isSame && this.#isOurName(new URL(url).hostname);',
    replacement: 'return isSame;',
    test: {
      project: 'unit',
      file: 'test/unit/console/access.test.ts',
      name: 'may not by a proxy, under a foreign name, or for a foreign page',
    },
  },
  {
    without: 'an end for a page that does not read what it is sent',
    file: 'src/infra/http/event-stream.ts',
    text: 'if (raw.writableLength > LIMITS.streamUnsentBytesMax) raw.destroy();\n      else if',
    replacement: 'if',
    test: {
      project: 'integration',
      file: 'test/integration/console-http.test.ts',
      name: 'is let go when too much waits for it; the others are told every second meanwhile',
    },
  },
];
