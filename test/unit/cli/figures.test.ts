/** Without this: the demonstration's sums fall when a node is killed, and a rate jumps when it counts from 0 again. */
import { describe, expect, it } from 'vitest';
import { FigureReader } from '../../../src/cli/demo/figures.ts';
import type { WatchedNode } from '../../../src/cli/demo/node-slot.ts';

type Changing<T> = { -readonly [K in keyof T]: T[K] };

const node = (nodeId: string): Changing<WatchedNode> => ({
  nodeId,
  run: 1,
  state: 'up',
  address: nodeId,
});

const exposition = (decided: number, shards: number): string =>
  [
    `paygate_transactions_processed_total{type="DEPOSIT",outcome="APPROVED"} ${decided}`,
    `paygate_shards{state="owned"} ${shards}`,
    `paygate_processing_duration_seconds_bucket{le="0.01"} ${decided}`,
    `paygate_processing_duration_seconds_bucket{le="+Inf"} ${decided}`,
    'process_resident_memory_bytes 100000000',
  ].join('\n');

function world() {
  const nodes = [node('a'), node('b')] as const;
  const shown = new Map<string, string>([
    ['a', exposition(100, 128)],
    ['b', exposition(50, 128)],
  ]);
  const reader = new FigureReader(nodes, (address) => {
    const text = shown.get(address);
    return text === undefined ? Promise.reject(new Error('nobody is there')) : Promise.resolve(text);
  });
  return { nodes, shown, reader };
}

describe('figures of a cluster', () => {
  it('are sums over its nodes', async () => {
    const { reader } = world();
    const figures = await reader.read();
    expect(figures.approved).toBe(150);
    expect(figures.nodes.map(({ shards }) => shards)).toEqual([128, 128]);
  });

  it('never lose what a killed node had counted, through several kills', async () => {
    const { reader, nodes, shown } = world();
    const [a] = nodes;
    const approved: number[] = [(await reader.read()).approved];
    for (let run = 2; run <= 4; run += 1) {
      Object.assign(a, { state: 'killed', address: null });
      approved.push((await reader.read()).approved);
      shown.set('a', exposition(10, 0));
      Object.assign(a, { run, state: 'up', address: 'a' });
      approved.push((await reader.read()).approved);
    }
    expect(approved).toEqual([150, 150, 160, 160, 170, 170, 180]);
  });

  it('show a killed node without shards and rate, and one that does not answer as it was', async () => {
    const { reader, nodes, shown } = world();
    await reader.read();
    Object.assign(nodes[0], { state: 'killed', address: null });
    shown.delete('b');
    const figures = await reader.read();
    expect(figures.nodes[0]).toMatchObject({ state: 'killed', shards: 0, decidedPerSecond: 0 });
    expect(figures.nodes[1]).toMatchObject({ state: 'up', shards: 128 });
    expect(figures.approved).toBe(150);
  });
});
