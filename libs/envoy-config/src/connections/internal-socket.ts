import { InternalUpstreamTransport } from '@weft/xds/gen/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream.js';
import { RawBuffer } from '@weft/xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.js';
import { filter } from '../messages/extension.js';
import { METADATA_ISTIO, METADATA_ORIGINAL_DST } from './well-known-keys.js';

type Socket = ReturnType<typeof filter>;

export const rawBuffer = (): Socket => filter('envoy.transport_sockets.raw_buffer', RawBuffer, {});

/** Into another listener of the same Envoy, with the filter state that is shared with it. */
export const internalSocket = (): Socket => socket([], rawBuffer());

/** To `connect_originate`, which reads from the endpoint's metadata where to go. */
export const hboneSocket = (inner: Socket = rawBuffer()): Socket =>
  socket([METADATA_ORIGINAL_DST, METADATA_ISTIO], inner);

function socket(hostMetadata: readonly string[], transportSocket: Socket): Socket {
  return filter('envoy.transport_sockets.internal_upstream', InternalUpstreamTransport, {
    passthroughMetadata: hostMetadata.map((name) => ({ name, kind: { kind: { $case: 'host' as const, value: {} } } })),
    transportSocket,
  });
}
