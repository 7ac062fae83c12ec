import fc from 'fast-check';
import type { Any } from './gen/google/protobuf/any.js';
import { Cluster } from './gen/envoy/config/cluster/v3/cluster.js';
import { HttpFilter } from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { mergeEncoded, readWrittenMessage } from './written-message.js';

const CLUSTER = 'envoy.config.cluster.v3.Cluster';
const FILTER = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter';
const bytes = (type: string, json: unknown): Uint8Array => {
  const read = readWrittenMessage(type, json);
  if (!read.ok) throw new Error(read.error);
  return read.value;
};
const cluster = (json: unknown): Cluster => Cluster.decode(bytes(CLUSTER, json));

describe('a message that a user wrote', () => {
  it('may have the names of the proto or those of JSON, and durations as texts', () => {
    expect(cluster({ name: 'a', connect_timeout: '1.5s' })).toEqual(cluster({ name: 'a', connectTimeout: '1.500s' }));
    expect(cluster({ connect_timeout: '1.5s' }).connectTimeout).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
  });

  it.each([
    ['an unknown field', { nome: 'a' }, 'key "nome" is unknown'],
    ['a wrong type', { name: 1 }, 'Cluster.name'],
    ['an unknown value', { lb_policy: 'BEST' }, 'LbPolicy'],
    ['two of one choice', { type: 'EDS', cluster_type: { name: 'x' } }, 'oneof'],
    ['something else than an object', 'cluster', 'Cluster'],
    ['nothing', null, 'Cluster'],
  ])('is refused with %s', (_what, json, problem) => {
    const read = readWrittenMessage(CLUSTER, json);
    expect(read.ok ? '' : read.error).toContain(problem);
  });

  it('is read or refused, whatever it is', () => {
    fc.assert(fc.property(fc.jsonValue(), (json) => typeof readWrittenMessage(CLUSTER, json).ok === 'boolean'));
    fc.assert(
      fc.property(fc.jsonValue(), (metadata) => typeof readWrittenMessage(CLUSTER, { metadata }).ok === 'boolean'),
    );
  });

  it('is refused with a fault in a typed_config', () => {
    const lua = { '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua', code: 'x' };
    const read = readWrittenMessage(FILTER, { name: 'lua', typed_config: lua });
    expect(read.ok ? '' : read.error).toContain('key "code" is unknown');
  });

  it('reaches Envoy as a TypedStruct where its type is not known', () => {
    const typed = {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer',
      max_request_bytes: 5,
    };
    const { configType } = HttpFilter.decode(bytes(FILTER, { name: 'buffer', typed_config: typed }));
    const { typeUrl, value } = configType!.value as Any;
    expect(typeUrl).toBe('type.googleapis.com/xds.type.v3.TypedStruct');
    expect(value.toString('latin1')).toContain('envoy.extensions.filters.http.buffer.v3.Buffer');
  });
});

describe('a merge', () => {
  const merged = (base: unknown, patch: unknown): Cluster =>
    Cluster.decode(mergeEncoded(CLUSTER, bytes(CLUSTER, base), bytes(CLUSTER, patch)));

  it('sets fields, merges messages and lengthens lists', () => {
    const base = {
      name: 'a',
      circuit_breakers: { thresholds: [{ max_requests: 1 }] },
      dns_refresh_rate: '5s',
      common_lb_config: { healthy_panic_threshold: { value: 7 } },
    };
    const patch = {
      circuit_breakers: { thresholds: [{ max_requests: 2 }] },
      common_lb_config: { update_merge_window: '1s' },
    };
    expect(merged(base, patch)).toEqual(
      cluster({
        name: 'a',
        dns_refresh_rate: '5s',
        circuit_breakers: { thresholds: [{ max_requests: 1 }, { max_requests: 2 }] },
        common_lb_config: { healthy_panic_threshold: { value: 7 }, update_merge_window: '1s' },
      }),
    );
  });

  it('takes durations and wrapped scalars whole', () => {
    const base = { connect_timeout: '1.5s', per_connection_buffer_limit_bytes: 5 };
    expect(merged(base, { connect_timeout: '2s', per_connection_buffer_limit_bytes: 0 })).toEqual(
      cluster({ connect_timeout: '2s', per_connection_buffer_limit_bytes: 0 }),
    );
  });
});
