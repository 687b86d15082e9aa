import { Chance } from '../../sim/chance.ts';
import { SimBroker } from '../../sim/servers/sim-broker.ts';
import { SimInbound } from '../../sim/servers/sim-intake.ts';
import type { BrokerSide } from '../../sim/servers/sim-intake.ts';
import { SimInbox } from '../../sim/servers/sim-inbox.ts';
import { SimLink } from '../../sim/servers/sim-link.ts';
import { SimPublisher } from '../../sim/servers/sim-publisher.ts';
import { SimProcess } from '../../sim/sim-process.ts';
import type { InboxServer } from './inbox-contract.ts';
import type { PassingTime } from './passing-time.ts';
import type { QueueServer } from './queue-contract.ts';

/** The simulated RabbitMQ, over links that are well. */
export function simBrokerServer({ time }: PassingTime): QueueServer & InboxServer {
  const broker = new SimBroker();
  const inbounds: SimInbound[] = [];
  let names = 0;
  const side = (): BrokerSide => {
    const process = new SimProcess(time);
    const chance = new Chance((names += 1));
    return { time, process, chance, broker, link: new SimLink(time, process, chance, broker) };
  };
  return {
    node: () => {
      const ours = side();
      const inbound = new SimInbound(ours);
      inbounds.push(inbound);
      return { inbound, publisher: new SimPublisher(ours) };
    },
    publish: (queue, bodies) => {
      for (const body of bodies) broker.publish(queue, Buffer.from(body), 'transient');
      return Promise.resolve();
    },
    depth: (queue) => Promise.resolve(broker.depth(queue)),
    endConnections: () => {
      for (const inbound of inbounds) inbound.dropped();
      return Promise.resolve();
    },
    open: (nodeId, events) => new SimInbox(`inbox.${nodeId}.${names}`, side(), events, () => 'arrives'),
  };
}
