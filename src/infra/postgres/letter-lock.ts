/**
 * The lock of whoever works on a dead letter: an advisory one on its number, since the commit that decides a replayed transaction closes the
 * letter's row and must not wait for an operator.
 */

/** The other half of the key is made from the letter's id. */
const LOCK_CLASS = 0x1e77e5;

const keyOf = (id: string): string => `(${id} % 2147483647)::int`;

/** SQL: takes the lock of the letter until the end of the transaction; false where somebody else has it. */
export const takeInHands = (id: string): string => `pg_try_advisory_xact_lock(${LOCK_CLASS}, ${keyOf(id)})`;

/** SQL: whether anybody has the letter's lock. */
export const isInHands = (id: string): string => `exists (
       select from pg_locks k
        where k.locktype = 'advisory' and k.granted and k.objsubid = 2
          and k.database = (select oid from pg_database where datname = current_database())
          and k.classid = ${LOCK_CLASS}::oid and k.objid = ${keyOf(id)}::oid)`;
