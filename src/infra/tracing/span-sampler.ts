import type { Attributes, Context, Link, SpanKind } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import type { Sampler, SamplingResult } from '@opentelemetry/sdk-trace';
import type { TracingSettings } from '../../config/tracing-settings.ts';

/**
 * Which spans are recorded: as the settings say, but for commits. A commit belongs to many traces and is the child of none; it is
 * recorded whenever it has links, and only commands that are sampled are linked with it.
 */
export class SpanSampler implements Sampler {
  readonly #rest: Sampler;

  constructor(settings: Pick<TracingSettings, 'sampler' | 'samplerRatio'>) {
    this.#rest = samplerOf(settings);
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    if (links.length > 0) return { decision: SamplingDecision.RECORD_AND_SAMPLED };
    return this.#rest.shouldSample(context, traceId, name, kind, attributes, links);
  }

  toString(): string {
    return `SpanSampler{${this.#rest.toString()}}`;
  }
}

function samplerOf({ sampler, samplerRatio }: Pick<TracingSettings, 'sampler' | 'samplerRatio'>): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(samplerRatio);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(samplerRatio) });
  }
}
