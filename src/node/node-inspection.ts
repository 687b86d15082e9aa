import type { FastifyInstance } from 'fastify';
import type { AnyActor } from 'xstate';
import type { WireEventBody } from '../contracts/inspection.ts';
import { shardOf } from '../domain/shard.ts';
import type { Access } from '../infra/http/access.ts';
import { inspectRoutes } from '../infra/http/inspect-routes.ts';
import { InspectionDesk } from '../infra/inspection/inspection-desk.ts';
import type { LiveAccounts } from '../infra/inspection/live-accounts.ts';
import { logOperatorAction } from '../infra/postgres/cluster-view.ts';
import { LIMITS } from '../limits.ts';
import { discloseContext, discloseEvent } from '../machines/account-disclosure.ts';
import type { AccountEvent } from '../machines/account-effects.ts';
import type { AccountContext } from '../machines/account-context.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { NodeRuntime } from './node-runtime.ts';
import type { Supervision } from './supervision.ts';

export interface NodeInspectionOptions {
  readonly nodeId: string;
  readonly access: Pick<Access, 'mayRead'>;
  readonly runtime: NodeRuntime;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Looking at live accounts of this node. */
export interface NodeInspection {
  /** For the HTTP server. */
  readonly routes: (server: FastifyInstance) => Promise<void>;
  /** Lets everybody go. */
  close(): void;
}

export function nodeInspection(options: NodeInspectionOptions): NodeInspection {
  const { nodeId, access, runtime, clock, logger } = options;
  const accounts = liveAccounts(() => runtime.parts?.supervision ?? null);
  const desk = new InspectionDesk({ nodeId, accounts, disclosure: DISCLOSURE, clock, logger });
  return {
    routes: inspectRoutes({
      access,
      desk,
      keep: ({ operator, accountId }) =>
        logOperatorAction(runtime.ledger.pool, {
          operator,
          action: 'inspect',
          subject: accountId,
          why: null,
        }),
      logger,
    }),
    close: () => desk.close(),
  };
}

/** Accounts are the only actors that are looked at, so the context and the events are theirs. */
const DISCLOSURE = {
  context: (context: unknown) => discloseContext(context as AccountContext),
  event: (event: WireEventBody) => discloseEvent(event as AccountEvent),
};

function liveAccounts(supervision: () => Supervision | null): LiveAccounts {
  const present = (): Supervision => {
    const found = supervision();
    if (found === null) throw new Error('the ledger is not open');
    return found;
  };
  return {
    isReady: () => supervision() !== null,
    actorOf: (accountId): AnyActor | null => {
      const actor = present().region.actorOf(accountId);
      return actor === undefined || actor.ended !== null ? null : actor.inspected;
    },
    ownerOf: (accountId) => {
      const { shards, watch } = present();
      const shard = shardOf(accountId, LIMITS.shardCount);
      if (shards.epochOf(shard) !== null) return { kind: 'here' };
      return { kind: 'elsewhere', node: watch.rows[shard]?.owner?.nodeId ?? null };
    },
    watchStarts: (listener) =>
      present().region.watchStarts(
        listener === null ? null : (actor) => listener(actor.accountId, actor.inspected),
      ),
  };
}
