/**
 * Without these: a node that cannot read the rules would decide without them, or forget the ones it had.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { RuleSetUnreadable } from '../../../src/supervisor/read-rule-set.ts';
import { RuleWatch } from '../../../src/supervisor/rule-watch.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';
import { FakeRules } from './fake-stores.ts';
import { turns } from './support.ts';

const SET = { rules: [{ name: 'big', type: 'transaction-limit', action: 'reject', maxCents: 1 }] };

let store: FakeRules;
let clock: FakeClock;
let logger: QuietLogger;
let watch: RuleWatch;
beforeEach(() => {
  [store, clock, logger] = [new FakeRules(), new FakeClock(), new QuietLogger()];
  watch = new RuleWatch({ store, clock, logger });
});

async function aSecondLater(): Promise<void> {
  clock.advance(1_000);
  await turns(clock);
}

describe('the rules of a node', () => {
  it('are none until a set is applied, then the newest, then none again', async () => {
    await watch.load();
    expect(watch.inForce()).toBeNull();
    watch.start();
    store.documents.push(SET, SET);
    await aSecondLater();
    expect(watch.inForce()?.version).toBe(2);
    const before = watch.inForce();
    await aSecondLater();
    expect(watch.inForce()).toBe(before);
    store.documents.push(null);
    await aSecondLater();
    expect(watch.inForce()).toBeNull();
  });

  it('a set that it cannot read keeps it from starting', async () => {
    store.documents.push({ rules: [{ type: 'of-tomorrow' }] });
    await expect(watch.load()).rejects.toThrow(RuleSetUnreadable);
  });

  it('stay in force while new ones cannot be read, which is said once', async () => {
    store.documents.push(SET);
    await watch.load();
    watch.start();
    store.documents.push({ rules: 'x' });
    for (let second = 0; second < 3; second += 1) await aSecondLater();
    expect(watch.inForce()?.version).toBe(1);
    expect(logger.messages('error')).toHaveLength(1);
    store.documents.push(SET);
    await aSecondLater();
    expect(watch.inForce()?.version).toBe(3);
  });

  it('are not looked for after the end', async () => {
    watch.start();
    watch.stop();
    store.documents.push(SET);
    await aSecondLater();
    expect(watch.inForce()).toBeNull();
  });
});
