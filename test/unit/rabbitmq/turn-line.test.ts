/**
 * Without these: a burst of a full window is one turn, in which a node neither sends on nor commits, or deliveries are lost,
 * doubled or out of order between two turns.
 */
import { expect, it } from 'vitest';
import { TurnLine } from '../../../src/infra/rabbitmq/turn-line.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function line(perTurn: number) {
  const out: number[] = [];
  const made = new TurnLine<number>(perTurn, (item) => out.push(item));
  const add = (from: number, to: number): void => {
    for (let item = from; item <= to; item += 1) made.add(item);
  };
  return { line: made, out, add };
}

it('what is little goes through at once', () => {
  const { out, add } = line(3);
  add(1, 3);
  expect(out).toEqual([1, 2, 3]);
});

it('a burst goes on turn by turn, in order, with what came meanwhile behind it', async () => {
  const { line: made, out, add } = line(3);
  add(1, 7);
  expect([out.length, made.waiting]).toEqual([3, 4]);
  await turn();
  expect(out).toHaveLength(6);
  add(8, 9);
  expect(out).toHaveLength(6);
  await turn();
  await turn();
  expect(out).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await turn();
  add(10, 10);
  expect(out).toHaveLength(10);
});

it('what is flushed comes at once, in order, and nothing of it again', async () => {
  const { line: made, out, add } = line(2);
  add(1, 5);
  made.flush();
  expect([out, made.waiting]).toEqual([[1, 2, 3, 4, 5], 0]);
  await turn();
  await turn();
  expect(out).toHaveLength(5);
});

it('what is cleared never comes', async () => {
  const { line: made, out, add } = line(2);
  add(1, 5);
  made.clear();
  await turn();
  add(6, 6);
  expect([out, made.waiting]).toEqual([[1, 2, 6], 0]);
});
