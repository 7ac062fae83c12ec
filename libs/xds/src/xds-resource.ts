import { hash } from 'node:crypto';
import { Resource } from './gen/envoy/service/discovery/v3/discovery.js';

/** One resource ready to send: encoded once, shared by every client. */
export interface XdsResource {
  readonly name: string;
  /** Other names under which on-demand clients may ask for it. */
  readonly aliases: readonly string[];
  /** Names of resources whose subscribers get this one too, such as the services of a workload. */
  readonly relatedTo: readonly string[];
  /** Hash of the content: equal versions mean equal bytes. */
  readonly version: string;
  /** An encoded `envoy.service.discovery.v3.Resource`. */
  readonly encoded: Buffer;
}

export interface ResourceContent {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly relatedTo?: readonly string[];
  readonly typeUrl: string;
  /** The encoded message. */
  readonly body: Uint8Array;
}

const VERSION_CHARS = 16;

/** The aliases must follow from the body: the version covers the body alone. */
export function makeXdsResource({ name, aliases = [], relatedTo = [], typeUrl, body }: ResourceContent): XdsResource {
  const version = hash('sha256', body, 'hex').slice(0, VERSION_CHARS);
  const resource = { typeUrl, value: view(body) };
  const encoded = Resource.encode(Resource.fromPartial({ name, aliases: [...aliases], version, resource })).finish();
  return { name, aliases, relatedTo, version, encoded: view(encoded) };
}

/** The same bytes, not a copy. */
const view = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength);
