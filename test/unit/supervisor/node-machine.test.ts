/**
 * Without this: a node that answers "ready" while it cannot work, one that a failed start leaves half open, a drain that never ends.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { createActor, SimulatedClock } from 'xstate';
import type { Actor } from 'xstate';
import { nodeMachine } from '../../../src/machines/node-machine.ts';
import type { NodeSteps } from '../../../src/machines/node-machine.ts';

type Step = keyof NodeSteps;

/** Steps that end when the test says so. */
class HandDrivenSteps implements NodeSteps {
  readonly begun: Step[] = [];
  readonly #ends = new Map<Step, { readonly resolve: () => void; readonly reject: (error: Error) => void }>();

  openLedger = (): Promise<void> => this.#begin('openLedger');
  join = (): Promise<void> => this.#begin('join');
  leave = (): Promise<void> => this.#begin('leave');
  flush = (): Promise<void> => this.#begin('flush');
  close = (): Promise<void> => this.#begin('close');

  async end(step: Step): Promise<void> {
    this.#ends.get(step)?.resolve();
    await turn();
  }

  async fail(step: Step, error: Error): Promise<void> {
    this.#ends.get(step)?.reject(error);
    await turn();
  }

  #begin(step: Step): Promise<void> {
    this.begun.push(step);
    return new Promise((resolve, reject) => this.#ends.set(step, { resolve, reject }));
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let actor: Actor<typeof nodeMachine>;
afterEach(() => void actor.stop());

function begin(): { readonly steps: HandDrivenSteps; readonly clock: SimulatedClock } {
  const steps = new HandDrivenSteps();
  const clock = new SimulatedClock();
  actor = createActor(nodeMachine, { input: { steps, drainTimeoutMs: 5_000 }, clock });
  actor.subscribe({ error: () => undefined });
  actor.start();
  return { steps, clock };
}

async function serving(): Promise<ReturnType<typeof begin>> {
  const begun = begin();
  await begun.steps.end('openLedger');
  await begun.steps.end('join');
  return begun;
}

const at = (): unknown => actor.getSnapshot().value;
const ending = (): unknown => [at(), actor.getSnapshot().context.reason];

it('opens the ledger before anything is read', async () => {
  const { steps } = begin();
  expect(steps.begun).toEqual(['openLedger']);
  await steps.end('openLedger');
  expect(steps.begun).toEqual(['openLedger', 'join']);
  expect(at()).toEqual({ starting: 'joining' });
});

describe('health', () => {
  it('is unknown, and so not ready, until it was looked at', async () => {
    await serving();
    expect(at()).toEqual({ serving: 'degraded' });
    actor.send({ type: 'health.changed', healthy: true });
    expect(at()).toEqual({ serving: 'ready' });
    actor.send({ type: 'health.changed', healthy: false });
    expect(at()).toEqual({ serving: 'degraded' });
  });

  it('that was told while the node started counts', async () => {
    const { steps } = begin();
    await steps.end('openLedger');
    actor.send({ type: 'health.changed', healthy: true });
    await steps.end('join');
    expect(at()).toEqual({ serving: 'ready' });
  });
});

describe('the end', () => {
  it('a drain finishes, flushes, closes', async () => {
    const { steps } = await serving();
    actor.send({ type: 'drain' });
    expect(at()).toEqual({ draining: 'leaving' });
    await steps.end('leave');
    await steps.end('flush');
    expect(at()).toBe('closing');
    await steps.end('close');
    expect(ending()).toEqual(['stopped', 'drained']);
    expect(actor.getSnapshot().output).toBe('drained');
  });

  it.each(['leave', 'flush'] as const)('a drain that hangs in %s is cut off', async (hanging) => {
    const { steps, clock } = await serving();
    actor.send({ type: 'drain' });
    if (hanging === 'flush') await steps.end('leave');
    clock.increment(4_999);
    expect(at()).toHaveProperty('draining');
    clock.increment(1);
    expect(at()).toBe('closing');
    await steps.end('close');
    expect(ending()).toEqual(['stopped', 'drain-timeout']);
  });

  it('a second drain changes nothing', async () => {
    const { steps } = await serving();
    actor.send({ type: 'drain' });
    actor.send({ type: 'drain' });
    expect(steps.begun.filter((step) => step === 'leave')).toHaveLength(1);
  });

  it('a start that fails closes what it had opened, and says why', async () => {
    const { steps } = begin();
    const refusal = new Error('run "paygate migrate" first');
    await steps.fail('openLedger', refusal);
    expect(steps.begun).toEqual(['openLedger', 'close']);
    await steps.end('close');
    expect(ending()).toEqual(['stopped', 'failed']);
    expect(actor.getSnapshot().context.error).toBe(refusal);
  });

  it('a node that is told to stop while it starts closes', async () => {
    const { steps } = begin();
    actor.send({ type: 'drain' });
    expect(steps.begun).toEqual(['openLedger', 'close']);
    await steps.end('close');
    expect(ending()).toEqual(['stopped', 'drained']);
  });

  it.each([['serving'], ['draining']])(
    'refused while %s: nothing is finished, and the reason is kept',
    async (phase) => {
      const { steps } = await serving();
      if (phase === 'draining') actor.send({ type: 'drain' });
      const error = new Error('this Redis serves another cluster');
      actor.send({ type: 'refused', error });
      expect(at()).toBe('closing');
      await steps.end('close');
      expect(ending()).toEqual(['stopped', 'failed']);
      expect(actor.getSnapshot().context.error).toBe(error);
      expect(steps.begun).not.toContain('flush');
    },
  );
});
