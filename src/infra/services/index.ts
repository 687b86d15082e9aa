export { addVhosts, controlBroker, deleteVhost } from './broker-control.ts';
export type { BrokerControl } from './broker-control.ts';
export { claimPlace } from './claim-place.ts';
export type { Place, PlaceOptions, PlacePrefix } from './claim-place.ts';
export { SERVER_KINDS, ServerError } from './server-kind.ts';
export type { Progress, RestartMode, ServerHandle, ServerKind } from './server-kind.ts';
export { servicesDown, servicesStatus, servicesUp } from './standing-servers.ts';
export type {
  ServicesDown,
  ServicesOptions,
  ServicesStatus,
  ServicesUp,
  ServiceStatus,
  ServiceUrls,
} from './standing-servers.ts';
export { startServers } from './start-servers.ts';
export type { RunningServers, StartOptions } from './start-servers.ts';
