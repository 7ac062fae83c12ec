import { DeltaDiscoveryRequest } from './gen/envoy/service/discovery/v3/discovery.js';

/** Versions that are encoded in one step. */
const STEP = 1000;

/** The first request of a type, and what is held of it, which may be a lot. */
export interface FirstRequest {
  readonly request: DeltaDiscoveryRequest;
  /** `initial_resource_versions`. What is added to or taken from it while it is encoded may or may not be said. */
  readonly versions: ReadonlyMap<string, string>;
}

/** The bytes of a first request, in steps: each that is not the last yields. One message may be written in several pieces. */
export function* encodeFirstRequest({ request, versions }: FirstRequest): Generator<undefined, Buffer> {
  const pieces: Uint8Array[] = [DeltaDiscoveryRequest.encode(request).finish()];
  let step: [string, string][] = [];
  const encoded = (): Uint8Array =>
    DeltaDiscoveryRequest.encode(
      DeltaDiscoveryRequest.fromPartial({ initialResourceVersions: Object.fromEntries(step) }),
    ).finish();
  for (const entry of versions) {
    step.push(entry);
    if (step.length < STEP) continue;
    pieces.push(encoded());
    step = [];
    yield;
  }
  if (step.length > 0) pieces.push(encoded());
  return Buffer.concat(pieces);
}
