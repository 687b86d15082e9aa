import type pg from 'pg';
import { ensureError } from '../../domain/errors.ts';
import { readDirectoryView } from '../postgres/cluster-view.ts';
import { readMembershipView } from '../redis/membership-view.ts';
import { LIMITS } from '../../limits.ts';
import { clusterOverview, type ClusterOverview, type Membership } from './overview.ts';

/**
 * @param queues names of those that are read.
 * Rejects when PostgreSQL does not answer; without Redis the rest is there.
 */
export async function readOverview(
  pool: pg.Pool,
  redisUrl: string,
  queues: readonly string[],
): Promise<ClusterOverview> {
  const membershipRead = readMembership(redisUrl, queues);
  const [directory, membership] = await Promise.all([readDirectoryView(pool), membershipRead]);
  return clusterOverview(directory, membership);
}

async function readMembership(redisUrl: string, queues: readonly string[]): Promise<Membership> {
  try {
    return {
      kind: 'known',
      view: await readMembershipView(redisUrl, { shardCount: LIMITS.shardCount, queues }),
    };
  } catch (error) {
    return { kind: 'away', detail: ensureError(error).message };
  }
}
