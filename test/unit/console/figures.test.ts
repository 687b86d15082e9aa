/**
 * What the console makes of figures. Without this: the plots show the sum of the wrong seconds, a quantile that nobody
 * measured, a green light over stuck money, or somebody's card.
 */
import { describe, expect, it } from 'vitest';
import { LATENCY_BUCKETS_MS } from '../../../src/contracts/console.ts';
import type { NodeSample, Waiting } from '../../../src/contracts/console.ts';
import { healthOf } from '../../../src/infra/console/health.ts';
import type { HealthSources } from '../../../src/infra/console/health.ts';
import { maskedPayload } from '../../../src/infra/console/masked-payload.ts';
import { clusterPoints, quantileMs } from '../../../src/infra/console/points.ts';

const NO_LATENCY = [...LATENCY_BUCKETS_MS, Infinity].map(() => 0);

function sample(second: number, part: Partial<NodeSample> = {}): NodeSample {
  const nothing = {
    received: 0,
    approved: 0,
    rejected: 0,
    retried: 0,
    deadLettered: 0,
    commits: 0,
    committed: 0,
  };
  return { second, ...nothing, latency: NO_LATENCY, mailboxAgeMs: 0, ...part };
}

describe('seconds of the cluster', () => {
  it('add up what nodes did in the same second, oldest first', () => {
    const points = clusterPoints([
      [sample(11, { approved: 3 }), sample(10, { approved: 1, mailboxAgeMs: 5 })],
      [sample(10, { approved: 2, mailboxAgeMs: 70 })],
    ]);
    expect(points.map(({ second, approved }) => [second, approved])).toEqual([
      [10, 3],
      [11, 3],
    ]);
    expect(points[0]?.mailboxAgeMs).toBe(70);
  });

  it('have no quantile and no commit size where nothing was settled or committed', () => {
    const [idle] = clusterPoints([[sample(1)]]);
    expect(idle).toMatchObject({ p50Ms: null, p99Ms: null, commitSize: null });
    const [busy] = clusterPoints([[sample(1, { commits: 4, committed: 10 })]]);
    expect(busy?.commitSize).toBe(2.5);
  });

  it('tell quantiles from the buckets of all nodes together', () => {
    const buckets = [...NO_LATENCY];
    buckets[0] = 50;
    buckets[5] = 50;
    expect(quantileMs(buckets, 0.5)).toBe(1);
    expect(quantileMs(buckets, 0.75)).toBeCloseTo(8.75);
    const beyond = [...NO_LATENCY];
    beyond[beyond.length - 1] = 1;
    expect(quantileMs(beyond, 0.5)).toBe(60_000);
  });
});

describe('lights', () => {
  const none = { count: 0, more: false, reasons: [], oldest: null };
  const nothingWaits: Waiting = { deadLetters: none, retries: none, parked: none };
  const [point = null] = clusterPoints([[sample(1)]]);
  const well: HealthSources = {
    nodes: [],
    overview: null,
    ledgerTrouble: null,
    waiting: nothingWaits,
    lastPoint: point,
    check: { checked: 5, wrong: [] },
  };
  const light = (id: string, sources: Partial<HealthSources>) =>
    healthOf({ ...well, ...sources }).find((item) => item.id === id);

  it('are red for a balance that is not its journal, and say which', () => {
    expect(light('invariant', {})?.level).toBe('green');
    expect(light('invariant', { check: { checked: 5, wrong: ['acc'] } })).toMatchObject({ level: 'red' });
    expect(light('invariant', { check: { checked: 0, wrong: [] } })?.level).toBe('unknown');
  });

  it('follow the oldest command and what is parked', () => {
    const [old = null] = clusterPoints([[sample(1, { mailboxAgeMs: 20_000 })]]);
    expect(light('oldest', {})?.level).toBe('green');
    expect(light('oldest', { lastPoint: old })).toMatchObject({ level: 'red', value: '20.0 s' });
    const parked = { ...nothingWaits, parked: { ...none, count: 2 } };
    expect(light('oldest', { waiting: parked })?.level).toBe('amber');
    expect(light('oldest', { lastPoint: null })?.level).toBe('unknown');
  });

  it('are never green for what is not known', () => {
    expect(light('letters', { waiting: null })?.level).toBe('unknown');
    expect(light('shards', { overview: null })?.level).toBe('unknown');
    expect(light('nodes', { nodes: [] })?.level).toBe('red');
    expect(light('dependencies', { ledgerTrouble: 'timeout' })?.level).toBe('red');
  });
});

describe('a payload', () => {
  it('shows ids, amounts and types, and hides everything else', () => {
    const body = {
      transaction_id: 't-1',
      amount_cents: 12,
      card_token: 'tok',
      metadata: { name: 'Ann', type: 'x' },
    };
    const shown = JSON.parse(maskedPayload(Buffer.from(JSON.stringify(body)))) as unknown;
    expect(shown).toEqual({
      transaction_id: 't-1',
      amount_cents: 12,
      card_token: '••••',
      metadata: { name: '••••', type: 'x' },
    });
  });

  it('does not show what is no JSON', () => {
    expect(maskedPayload(Buffer.from('card 4111'))).toBe('9 bytes that are not JSON');
  });
});
