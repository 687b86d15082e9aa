import type { Feature } from '../config.ts';
import type { RabbitEventPublisher } from '../infra/rabbitmq/event-publisher.ts';
import type { LinkOptions } from '../infra/rabbitmq/rabbit-link.ts';
import type { LiveFigures, PrometheusMetrics } from '../infra/metrics.ts';
import type { CacheConnection } from '../infra/no-balance-cache.ts';
import type { RedisClientOptions } from '../infra/redis/redis-client.ts';
import type { OtelTracing, TracingOptions } from '../infra/tracing/otel-tracing.ts';
import type { NodeWebhooks, NodeWebhooksOptions } from './webhooks.ts';

/** Opens the balance cache; null: it is switched off. */
export type OpenCache = ((options: RedisClientOptions) => CacheConnection) | null;

/** Opens the way for events; null: they are switched off. */
export type OpenEvents = ((options: LinkOptions) => RabbitEventPublisher) | null;

/** null: webhooks, or the events that they post, are switched off. */
export type OpenWebhooks = ((options: NodeWebhooksOptions) => NodeWebhooks) | null;

/** What is switched off is not loaded: these are the only places that import it. */

export async function loadCache(features: ReadonlySet<Feature>): Promise<OpenCache> {
  if (!features.has('cache')) return null;
  const { RedisBalanceCache } = await import('../infra/redis/balance-cache.ts');
  return (options) => new RedisBalanceCache(options);
}

export async function loadEvents(features: ReadonlySet<Feature>): Promise<OpenEvents> {
  if (!features.has('events')) return null;
  const events = await import('../infra/rabbitmq/event-publisher.ts');
  return (options) => new events.RabbitEventPublisher(options);
}

export async function loadWebhooks(features: ReadonlySet<Feature>): Promise<OpenWebhooks> {
  if (!features.has('webhooks') || !features.has('events')) return null;
  const webhooks = await import('./webhooks.ts');
  return (options) => new webhooks.NodeWebhooks(options);
}

export async function loadMetrics(
  features: ReadonlySet<Feature>,
  live: LiveFigures,
): Promise<PrometheusMetrics | null> {
  if (!features.has('metrics')) return null;
  const metrics = await import('../infra/metrics.ts');
  return new metrics.PrometheusMetrics(live);
}

/** `settings` null: it is off. */
export async function loadTracing(
  settings: TracingOptions['settings'] | null,
  of: Omit<TracingOptions, 'settings'>,
): Promise<OtelTracing | null> {
  if (settings === null) return null;
  const tracing = await import('../infra/tracing/otel-tracing.ts');
  return new tracing.OtelTracing({ ...of, settings });
}
