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
      file: 'test/integration/commit-findings.test.ts',
      name: 'a decided transaction: the finding holds the first payload and outcome, from the journal',
    },
  },
  {
    without: 'versions in the balance cache',
    file: 'src/infra/redis/balance-scripts.ts',
    text: 'if not current or #version > #current or (#version == #current and version >= current) then',
    replacement: 'if true then',
    test: {
      project: 'integration',
      file: 'test/integration/redis-cache.test.ts',
      name: 'lets no older version replace a newer one, by number and not by text',
    },
  },
  {
    without: 'waiting for the commit before the acknowledgement',
    file: 'src/supervisor/ingest.ts',
    text: 'tally.received(delivery.queue);',
    replacement: 'tally.received(delivery.queue);\n    delivery.ack();',
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
];
