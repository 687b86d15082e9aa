import { shardOf } from '../../domain/shard.ts';
import type { Traffic } from '../../drive/traffic.ts';
import { ensureError } from '../../domain/errors.ts';
import { readShardOwner } from '../../infra/postgres/cluster-view.ts';
import { LIMITS } from '../../limits.ts';
import { INSPECTOR_URL, startBridge } from '../inspect/bridge.ts';
import { followAccount } from '../inspect/follow-account.ts';
import type { OwnerAddress } from '../inspect/owner-address.ts';
import { printError } from '../output.ts';
import { withPool } from '../with-pool.ts';
import type { Stage } from './stage.ts';

export interface DemoInspector {
  close(): Promise<void>;
}

/** As many as a node lets be looked at are too many for one page. */
const SHOWN_ACCOUNTS = 3;

/** `INSPECT=1`: a page with a few of the demonstration's accounts, wherever they are. Says where it is. */
export async function startDemoInspector(stage: Stage, traffic: Traffic): Promise<DemoInspector> {
  const stop = new AbortController();
  const consoleUrl = `${stage.nodes[0]?.address ?? ''}/console`;
  const bridge = await startBridge({ port: 0, inspectorUrl: INSPECTOR_URL, consoleUrl });
  printError(`the XState inspector, with ${SHOWN_ACCOUNTS} accounts: ${bridge.address}/`);
  const following = traffic.accounts.slice(0, SHOWN_ACCOUNTS).map(({ id }) =>
    followAccount({
      accountId: id,
      ownerAddress: () => ownerOnStage(stage, id),
      token: stage.config.consoleToken,
      tls: stage.config.httpTls.client,
      operator: 'demonstration',
      signal: stop.signal,
      onMessage: (message) => bridge.show(message),
      onTrouble: (why) => bridge.say(why),
    }).catch((error: unknown) => bridge.say(ensureError(error).message)),
  );
  return {
    close: async () => {
      stop.abort();
      await Promise.all(following);
      await bridge.close();
    },
  };
}

async function ownerOnStage({ config, nodes }: Stage, accountId: string): Promise<OwnerAddress> {
  const shard = shardOf(accountId, LIMITS.shardCount);
  const owner = await withPool(config, (pool) => readShardOwner(pool, shard));
  const address = nodes.find(({ nodeId }) => nodeId === owner?.nodeId)?.address ?? null;
  return address === null
    ? { kind: 'not-yet', why: `nobody owns shard ${shard}` }
    : { kind: 'found', addresses: [address] };
}
