import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { Resource, type DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';

/** What a client needs of a response. A decoded one is one, too. */
export interface DeltaResponse extends Pick<DeltaDiscoveryResponse, 'typeUrl' | 'nonce' | 'removedResources'> {
  /** Going through them may throw, where one is not a Resource. */
  readonly resources: Iterable<Resource>;
}

const RESOURCES = 2;
const TYPE_URL = 4;
const NONCE = 5;
const REMOVED_RESOURCES = 6;

/** Fields that are passed in one step: about a millisecond. */
const STEP = 5000;

/**
 * A DeltaDiscoveryResponse whose resources are decoded one by one as they are gone through: of 200,000 at a time each needs its
 * memory for a moment only, instead of all until the last is applied. Throws on what is no protobuf message. Yields after each step.
 */
export function* readDeltaResponse(bytes: Uint8Array): Generator<undefined, DeltaResponse> {
  let typeUrl = '';
  let nonce = '';
  const removedResources: string[] = [];
  const reader = new BinaryReader(bytes);
  for (let count = 1; reader.pos < reader.len; count++) {
    const [field, type] = reader.tag();
    if (type !== WireType.LengthDelimited) reader.skip(type, field);
    else if (field === TYPE_URL) typeUrl = reader.string();
    else if (field === NONCE) nonce = reader.string();
    else if (field === REMOVED_RESOURCES) removedResources.push(reader.string());
    else reader.skip(type);
    if (count % STEP === 0) yield;
  }
  return { typeUrl, nonce, removedResources, resources: { [Symbol.iterator]: () => resourcesOf(bytes) } };
}

function* resourcesOf(bytes: Uint8Array): Generator<Resource> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === RESOURCES && type === WireType.LengthDelimited) yield Resource.decode(reader, reader.uint32());
    else reader.skip(type, field);
  }
}
