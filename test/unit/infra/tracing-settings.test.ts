/** Without this: spans go to another place than the operator named, or a misspelt sampler records everything or nothing. */
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/config.ts';
import type { TracingSettings } from '../../../src/config/tracing-settings.ts';

const settingsOf = (env: Record<string, string>): TracingSettings | null =>
  loadConfig({ FEATURES: 'tracing', ...env }).tracing;

describe('tracing settings', () => {
  it('have the defaults of the specification, but for a shorter timeout and a longer queue', () => {
    expect(settingsOf({})).toEqual({
      url: 'http://localhost:4318/v1/traces',
      headers: {},
      timeoutMs: 3_000,
      compression: 'none',
      sampler: 'parentbased_always_on',
      samplerRatio: 1,
      serviceName: 'paygate-processor',
      resourceAttributes: {},
      queueMax: 8_192,
      batchMax: 512,
      delayMs: 5_000,
    });
  });

  it('come from the variables of OpenTelemetry; those for traces before those for everything', () => {
    const both = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://all.example/otlp/',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b, x-other=c=d',
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging,service.name=other',
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    };
    expect(settingsOf(both)).toMatchObject({
      url: 'https://all.example/otlp/v1/traces',
      headers: { 'x-key': 'a b', 'x-other': 'c=d' },
      timeoutMs: 500,
      compression: 'gzip',
      sampler: 'parentbased_traceidratio',
      samplerRatio: 0.25,
      serviceName: 'other',
      resourceAttributes: { 'deployment.environment.name': 'staging' },
      queueMax: 100,
      batchMax: 100,
      delayMs: 50,
    });
    expect(
      settingsOf({
        ...both,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces.example:1/as-it-is',
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-key=1',
        OTEL_SERVICE_NAME: 'mine',
      }),
    ).toMatchObject({
      url: 'http://traces.example:1/as-it-is',
      headers: { 'x-key': '1' },
      serviceName: 'mine',
    });
  });

  it('are none where OpenTelemetry is switched off by its own variables, and empty ones count as absent', () => {
    expect(settingsOf({ OTEL_SDK_DISABLED: 'True' })).toBeNull();
    expect(settingsOf({ OTEL_TRACES_EXPORTER: 'none' })).toBeNull();
    expect(settingsOf({ OTEL_TRACES_SAMPLER: '', OTEL_SDK_DISABLED: 'false' })).not.toBeNull();
  });

  it.each([
    ['OTEL_TRACES_SAMPLER', 'sometimes', 'parentbased_traceidratio'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5', 'from 0 to 1'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', 'http/json'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', 'http://'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'secret', 'key=value'],
  ])('%s=%s is refused by name, and only where tracing is on', (variable, value, expected) => {
    const env = { [variable]: value };
    expect(() => settingsOf(env)).toThrow(ConfigError);
    expect(() => settingsOf(env)).toThrow(variable);
    expect(() => settingsOf(env)).toThrow(expected);
    expect(loadConfig(env).tracing).toBeNull();
  });

  it('are not repeated where they may be secrets', () => {
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=hunter2%' };
    expect(() => settingsOf(env)).toThrow(/^(?!.*hunter2)/s);
  });
});
