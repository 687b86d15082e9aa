/** Without these: commands of a shard that moves are lost, settled twice or overtaken, or one silent owner holds them for ever. */
import { describe, expect, it } from 'vitest';
import { ShardStream } from '../../../src/supervisor/cluster/shard-stream.ts';

const A = { inbox: 'inbox.a', epoch: 1n };
const B = { inbox: 'inbox.b', epoch: 2n };

function stream(commands: string, windowMax = 10): ShardStream<string> {
  const made = new ShardStream<string>({
    windowMax,
    heldMax: 10,
    answerTimeoutMs: 100,
    silenceDoublingsMax: 2,
    reopenPauseMs: 20,
  });
  for (const command of commands) made.add(command);
  return made;
}

/** `a0` = command a as number 0, after nothing; `c2>0` = after number 0. */
function due(made: ShardStream<string>, nowMs = 0, max = 100): string {
  return made
    .takeDue(max, nowMs)
    .map(({ command, n, after }) => `${command}${n}${after < 0 ? '' : `>${after}`}`)
    .join(' ');
}

describe('sending', () => {
  it('waits for a target, then counts from 0', () => {
    const made = stream('abc');
    expect(made.dueAtMs).toBeNull();
    expect(due(made)).toBe('');
    made.aim(A, 0);
    expect(made.dueAtMs).toBe(0);
    expect(made.takeDue(1, 5)).toEqual([{ command: 'a', epoch: 1n, stream: 1, n: 0, after: -1 }]);
    expect(due(made, 5)).toBe('b1>0 c2>1');
    expect(made.dueAtMs).toBe(105);
  });

  it('has no more unsettled than the window, and goes on beyond one that stays', () => {
    const made = stream('abcdef', 2);
    made.aim(A, 0);
    expect(due(made)).toBe('a0 b1>0');
    expect(made.settle(1, [1])).toEqual(['b']);
    expect(due(made)).toBe('c2>1');
    expect(made.settle(1, [2, 1, 7])).toEqual(['c']);
    expect(made.count).toBe(4);
  });

  it('says that everything before is settled when it is', () => {
    const made = stream('ab', 1);
    made.aim(A, 0);
    due(made);
    made.settle(1, [0]);
    expect(due(made)).toBe('b1');
  });

  it('holds no more than its bound', () => {
    expect(() => stream('abcdefghijk')).toThrow('more than 10 commands held');
  });
});

describe('sending again', () => {
  it('goes back to what is missing, skipping what is settled, before anything new', () => {
    const made = stream('abcd');
    made.aim(A, 0);
    due(made);
    made.settle(1, [1]);
    made.add('e');
    made.goBack(1, 1);
    expect(due(made, 1, 2)).toBe('c2>0 d3>2');
    expect(due(made, 1)).toBe('e4>3');
  });

  it('does not start over for a complaint that it is dealing with', () => {
    const made = stream('abc');
    made.aim(A, 0);
    due(made);
    made.goBack(1, 0);
    made.goBack(1, 1);
    expect(due(made)).toBe('a0 b1>0 c2>1');
    expect(due(made)).toBe('');
  });

  it('starts with the oldest when there is no answer to it, and waits longer each time', () => {
    const made = stream('ab');
    made.aim(A, 0);
    due(made);
    expect(due(made, 99)).toBe('');
    expect(due(made, 100)).toBe('a0 b1>0');
    expect(made.dueAtMs).toBe(300);
    expect(due(made, 300)).toBe('a0 b1>0');
    expect(made.dueAtMs).toBe(700);
    due(made, 700);
    expect(made.dueAtMs).toBe(1_100);
    made.settle(1, [1]);
    expect(made.dueAtMs).toBe(800);
  });

  it('drops what was settled in the meantime', () => {
    const made = stream('abc');
    made.aim(A, 0);
    due(made);
    made.goBack(1, 0);
    made.settle(1, [0, 1]);
    expect(due(made)).toBe('c2>1');
  });
});

describe('another owner', () => {
  it('gets everything that is not settled, oldest first, in a new stream', () => {
    const made = stream('abcd', 3);
    made.aim(A, 0);
    due(made);
    made.settle(1, [1]);
    made.aim(B, 0);
    expect(made.takeDue(9, 0).map(({ command, stream: s, n }) => [command, s, n])).toEqual([
      ['a', 2, 0],
      ['c', 2, 1],
      ['d', 2, 2],
    ]);
  });

  it('is not told what the old one still says', () => {
    const made = stream('ab');
    made.aim(A, 0);
    due(made);
    made.aim(B, 0);
    due(made);
    expect(made.settle(1, [0])).toEqual([]);
    expect(made.refuse(1, null, 0)).toBe(false);
    made.goBack(1, 0);
    expect(due(made)).toBe('');
  });

  it('does not get what was settled after the refusal', () => {
    const made = stream('ab');
    made.aim(A, 0);
    due(made);
    expect(made.refuse(1, null, 0)).toBe(true);
    expect(made.settle(1, [0])).toEqual(['a']);
    made.aim(B, 0);
    expect(due(made)).toBe('b0');
  });

  it('is not the same one named again', () => {
    const made = stream('ab');
    made.aim(A, 0);
    due(made);
    made.aim({ ...A }, 0);
    expect([due(made), made.dueAtMs]).toEqual(['', 100]);
  });

  it('is not an older one', () => {
    const made = stream('a');
    made.aim(B, 0);
    made.aim(A, 0);
    expect(made.target).toEqual(B);
    made.refuse(1, 5n, 0);
    made.aim({ inbox: 'inbox.c', epoch: 4n }, 0);
    expect(made.target).toBeNull();
  });
});

describe('a refusal', () => {
  it('closes the stream; the same owner is asked again after a pause', () => {
    const made = stream('ab');
    made.aim(A, 0);
    due(made);
    made.refuse(1, null, 50);
    made.aim(A, 69);
    expect([made.target, due(made, 69), made.dueAtMs]).toEqual([null, '', null]);
    made.aim(A, 70);
    expect(due(made, 70)).toBe('a0 b1>0');
  });

  it('is what a message that comes back means, if it went to the present owner', () => {
    const made = stream('a');
    made.aim(A, 0);
    due(made);
    expect(made.lose('inbox.b', 0)).toBe(false);
    expect(made.lose('inbox.a', 0)).toBe(true);
    expect(made.lose('inbox.a', 0)).toBe(false);
    expect(made.count).toBe(1);
  });

  it('is nothing new when it was closed because nobody is the owner', () => {
    const made = stream('a');
    made.aim(A, 0);
    due(made);
    made.aim(null, 0);
    expect(made.refuse(1, null, 0)).toBe(false);
    made.aim(A, 0);
    expect(due(made)).toBe('a0');
  });
});

it('gives everything up in order when the shard becomes our own', () => {
  const made = stream('abcd', 2);
  made.aim(A, 0);
  due(made);
  made.settle(1, [0]);
  expect(made.takeAll()).toEqual(['b', 'c', 'd']);
  expect([made.count, made.target, made.takeAll()]).toEqual([0, null, []]);
});

describe('who owns it', () => {
  it('is nobody since it was first looked for in vain, until a newer owner or an answer comes', () => {
    const made = stream('ab');
    expect([made.lookForOwner(10), made.lookForOwner(20), made.unownedSinceMs]).toEqual([
      'missing',
      'missing',
      10,
    ]);
    made.aim(A, 20);
    expect([made.lookForOwner(30), made.unownedSinceMs]).toEqual(['there', null]);
    made.refuse(1, null, 40);
    made.lookForOwner(50);
    // The same one, opened again and silent: that is no owner yet.
    made.aim(A, 60);
    expect([made.lookForOwner(70), made.unownedSinceMs]).toEqual(['there', 50]);
    due(made, 70);
    made.settle(2, [0]);
    expect(made.unownedSinceMs).toBeNull();
  });

  it('is asked on, when a command that was given back late goes to its place', () => {
    const made = stream('ac');
    made.lookForOwner(10);
    made.insert('b', (other) => other > 'b');
    expect(made.unownedSinceMs).toBe(10);
    made.aim(A, 20);
    expect(due(made)).toBe('a0 b1>0 c2>1');
    expect([made.takeAll().join(''), made.count, made.unownedSinceMs]).toEqual(['abc', 0, null]);
  });
});
