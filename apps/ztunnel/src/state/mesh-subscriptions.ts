import { toError, err, type Result } from '@weft/result';
import { compilePolicy } from '@weft/policy';
import {
  ADDRESS_TYPE_URL,
  AUTHORIZATION_TYPE_URL,
  type DeltaResource,
  type DeltaSubscription,
  type DeltaUpdate,
  type RejectedResource,
} from '@weft/xds';
import { Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import { Address } from '@weft/xds/gen/mesh/workload/workload.js';
import { decodeService } from './decode-service.js';
import { decodeWorkload } from './decode-workload.js';
import type { MeshState } from './mesh-state.js';

/**
 * Feeds the state from the two resource types that ztunnel asks for. What cannot be read is returned for the NACK, and the
 * last good version of it stays in use. `onChanged` runs once after each response. `onDemand`: workloads and services come only
 * when they are asked for.
 */
export function meshSubscriptions(
  state: MeshState,
  onChanged: () => void,
  onDemand: { received(update: DeltaUpdate): void } | null = null,
): readonly DeltaSubscription[] {
  const subscription = (typeUrl: string, upsert: Upsert, remove: (name: string) => void): DeltaSubscription => ({
    typeUrl,
    divisible: typeUrl === ADDRESS_TYPE_URL,
    // Policies are always subscribed as a whole: one that is not known must not be one that does not exist.
    mode: onDemand !== null && typeUrl === ADDRESS_TYPE_URL ? 'on-demand' : 'wildcard',
    apply: (update) => {
      const rejected = applyUpdate(update, upsert, remove);
      onChanged();
      if (typeUrl === ADDRESS_TYPE_URL) onDemand?.received(update);
      return rejected;
    },
  });
  return [
    subscription(
      ADDRESS_TYPE_URL,
      (resource) => upsertAddress(state, Address.decode(resource.body)),
      (name) => state.removeAddress(name),
    ),
    subscription(
      AUTHORIZATION_TYPE_URL,
      (resource) => {
        const policy = compilePolicy(Authorization.decode(resource.body));
        if (policy.ok) state.upsertPolicy(resource.name, policy.value);
        return policy;
      },
      (name) => state.removePolicy(name),
    ),
  ];
}

type Upsert = (resource: DeltaResource) => Result<unknown, string>;

function applyUpdate(
  { upserts, removals }: DeltaUpdate,
  upsert: Upsert,
  remove: (name: string) => void,
): readonly RejectedResource[] {
  const rejected: RejectedResource[] = [];
  for (const resource of upserts) {
    const result = attempt(() => upsert(resource));
    if (!result.ok) rejected.push({ name: resource.name, reason: result.error });
  }
  for (const name of removals) remove(name);
  return rejected;
}

/** Decoding protobuf throws on malformed bytes; here that is one bad resource, not the end of the stream. */
function attempt(decode: () => Result<unknown, string>): Result<unknown, string> {
  try {
    return decode();
  } catch (thrown) {
    return err(`malformed: ${toError(thrown).message}`);
  }
}

export function upsertAddress(state: MeshState, { type }: Address): Result<unknown, string> {
  switch (type?.$case) {
    case undefined:
      return err('is neither a workload nor a service');
    case 'workload': {
      const workload = decodeWorkload(type.value);
      if (workload.ok) state.upsertWorkload(workload.value);
      return workload;
    }
    case 'service': {
      const service = decodeService(type.value);
      if (service.ok) state.upsertService(service.value);
      return service;
    }
  }
}
