import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
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
  /** An encoded `envoy.service.discovery.v3.Resource`; see `fieldOf` for what its buffer holds beside it. */
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

/** The aliases must follow from the body: the version covers the body alone. The body is copied once: it may have megabytes. */
export function makeXdsResource({ name, aliases = [], relatedTo = [], typeUrl, body }: ResourceContent): XdsResource {
  const version = hash('sha256', body, 'hex').slice(0, VERSION_CHARS);
  const named = Resource.encode(Resource.fromPartial({ name, aliases: [...aliases], version })).finish();
  const type = new BinaryWriter().uint32(ANY_TYPE_URL).string(typeUrl).finish();
  const value = new BinaryWriter().uint32(ANY_VALUE).uint32(body.length).finish();
  const any = new BinaryWriter()
    .uint32(RESOURCE)
    .uint32(type.length + value.length + body.length)
    .finish();
  const length = named.length + any.length + type.length + value.length + body.length;
  const start = new BinaryWriter().uint32(RESOURCES).uint32(length).finish();
  // Not of the pool, so that nothing else stays in memory with it.
  const whole = Buffer.allocUnsafeSlow(start.length + length);
  let at = 0;
  for (const part of [start, named, any, type, value, body]) {
    whole.set(part, at);
    at += part.length;
  }
  return { name, aliases, relatedTo, version, encoded: whole.subarray(start.length) };
}

/** The resource as a field `resources` of a DeltaDiscoveryResponse: the same bytes, not a copy. */
export const fieldOf = ({ encoded }: XdsResource): Buffer => Buffer.from(encoded.buffer);

const tag = (field: number): number => (field << 3) | WireType.LengthDelimited;
/** Field numbers of DeltaDiscoveryResponse, Resource and Any. */
const RESOURCES = tag(2);
const RESOURCE = tag(2);
const ANY_TYPE_URL = tag(1);
const ANY_VALUE = tag(2);
