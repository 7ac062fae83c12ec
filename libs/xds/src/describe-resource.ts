import { Resource } from './gen/envoy/service/discovery/v3/discovery.js';
import { messageTypeRegistry } from './gen/typeRegistry.js';
import type { XdsResource } from './xds-resource.js';

const PREFIX = 'type.googleapis.com/';

/** A resource for people: JSON, with what is packed into Any unpacked in place, as `@type` and its fields. */
export function describeResource({ encoded }: XdsResource): unknown {
  const { resource } = Resource.decode(encoded);
  return resource === undefined ? null : unpacked(resource.typeUrl, resource.value);
}

/** The same for a packed message; one of unknown type keeps its bytes as base64. */
function unpacked(typeUrl: string, value: Uint8Array): unknown {
  const type = messageTypeRegistry.get(typeUrl.slice(PREFIX.length));
  if (type === undefined) return { '@type': typeUrl, value: Buffer.from(value).toString('base64') };
  return { '@type': typeUrl, ...(readable(type.toJSON(type.decode(value))) as object) };
}

function readable(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(readable);
  if (typeof json !== 'object' || json === null) return json;
  const { typeUrl, value } = json as { typeUrl?: unknown; value?: unknown };
  if (typeof typeUrl === 'string' && typeUrl.startsWith(PREFIX))
    return unpacked(typeUrl, Buffer.from(typeof value === 'string' ? value : '', 'base64'));
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, readable(item)]));
}
