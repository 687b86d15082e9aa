/** The envelope as everybody above the statecharts knows it; it is declared beside them because their mailbox holds it. */
export { GIVE_BACK_REASONS } from '../machines/envelope.ts';
export type { Envelope, GiveBackReason } from '../machines/envelope.ts';
