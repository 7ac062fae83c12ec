import { HttpProtocolOptions } from '@weft/xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options.js';
import { packAny, type PackedAny } from '../messages/any.js';
import type { Draft } from '../messages/draft.js';

const KEY = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** `typed_extension_protocol_options` of a cluster. */
export function httpProtocolOptions(options: Draft<typeof HttpProtocolOptions>): Record<string, PackedAny> {
  return { [KEY]: packAny(HttpProtocolOptions, options) };
}
