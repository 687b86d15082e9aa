/**
 * Does memory stay flat? A million accounts, touched once each, go the whole way of a delivery (decode, route, activate,
 * decide, commit, settle, cache) through the parts of a real node, on servers that remember nothing.
 *
 * Resident memory is compared with what it was after a tenth of the accounts. The loader of this bench keeps the TypeScript
 * compiler in the process (some 130 MB): look at the growth here, and at `process_resident_memory_bytes` of a node for the size.
 *
 *   node --expose-gc --import ./test/support/typescript-loader.mjs bench/memory.ts [accounts] [active accounts]
 */
import { boundHeapGrowth } from '../src/infra/heap-growth.ts';
import { SystemClock } from '../src/infra/system-clock.ts';
import { LIMITS } from '../src/limits.ts';
import { forgetfulNode, touchAccounts } from '../test/support/forgetful-node.ts';

const ACCOUNTS = Number(process.argv[2] ?? 1_000_000);
const ACTIVE_MAX = Number(process.argv[3] ?? 10_000);
const READINGS = 20;

const megabytes = (bytes: number): string => (bytes / 1_000_000).toFixed(0).padStart(11);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

boundHeapGrowth(LIMITS.heapGrowthPercent);
const clock = new SystemClock();
const node = forgetfulNode(clock, ACTIVE_MAX);
node.region.startSweeping();

const startedMs = Date.now();
const startedUs = process.cpuUsage();
const residents: number[] = [];
say('   accounts      active   resident MB    heap MB    used MB');
for (let reading = 1; reading <= READINGS; reading += 1) {
  const step = Math.ceil(ACCOUNTS / READINGS);
  await touchAccounts(node, (reading - 1) * step, reading * step);
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  residents.push(rss);
  const counts = [reading * step, node.region.activeCount].map((count) => String(count).padStart(11));
  say(`${counts.join(' ')}   ${[rss, heapTotal, heapUsed].map(megabytes).join('')}`);
}
const { user, system } = process.cpuUsage(startedUs);
const seconds = (Date.now() - startedMs) / 1_000;
say(`${seconds.toFixed(0)} s, ${((user + system) / ACCOUNTS).toFixed(0)} us CPU per account`);

const warm = residents[READINGS / 10 - 1] ?? NaN;
const end = Math.max(...residents.slice(-READINGS / 5));
say(`resident at the end / after a tenth: ${(end / warm).toFixed(2)}`);
node.region.shutDown();
globalThis.gc?.();
say(
  `all passivated: ${megabytes(process.memoryUsage().heapUsed).trim()} MB of heap used (exact with --expose-gc)`,
);
clock.stop();
