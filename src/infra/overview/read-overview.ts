import type pg from 'pg';
import { ensureError } from '../../domain/errors.ts';
import { readDirectoryView } from '../postgres/cluster-view.ts';
import { readMembershipView } from '../redis/membership-view.ts';
import { LIMITS } from '../../limits.ts';
import { clusterOverview, type ClusterOverview, type Membership } from './overview.ts';

/** Rejects when PostgreSQL does not answer; without Redis the rest is there. */
export async function readOverview(pool: pg.Pool, redisUrl: string): Promise<ClusterOverview> {
  const [directory, membership] = await Promise.all([readDirectoryView(pool), readMembership(redisUrl)]);
  return clusterOverview(directory, membership);
}

async function readMembership(redisUrl: string): Promise<Membership> {
  try {
    return { kind: 'known', view: await readMembershipView(redisUrl, LIMITS.shardCount) };
  } catch (error) {
    return { kind: 'away', detail: ensureError(error).message };
  }
}
