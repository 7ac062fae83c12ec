import type { KubeObject, ResourceType } from '@weft/kube';
import * as api from '@weft/mesh-api';
import type { MeshKind } from '@weft/mesh-api';
import type { StatusKind } from '@weft/mesh-model';

/** A mesh resource as the API has it; mesh-api reads it. */
export interface MeshObject extends KubeObject {
  spec?: unknown;
  status?: { conditions?: readonly MeshCondition[]; observedGeneration?: number };
}

export interface MeshCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  observedGeneration?: number;
  lastTransitionTime?: string;
}

/** The constants of mesh-api, with the type of the objects. */
const mesh = (kind: MeshKind<unknown>): ResourceType<MeshObject> => kind;

export const AUTHORIZATION_POLICIES = mesh(api.AUTHORIZATION_POLICIES);
export const PEER_AUTHENTICATIONS = mesh(api.PEER_AUTHENTICATIONS);
export const SERVICE_ENTRIES = mesh(api.SERVICE_ENTRIES);
export const WORKLOAD_ENTRIES = mesh(api.WORKLOAD_ENTRIES);

export const STATUS_TYPES: Readonly<Record<StatusKind, ResourceType<MeshObject>>> = {
  AuthorizationPolicy: AUTHORIZATION_POLICIES,
  PeerAuthentication: PEER_AUTHENTICATIONS,
  ServiceEntry: SERVICE_ENTRIES,
  WorkloadEntry: WORKLOAD_ENTRIES,
  Gateway: mesh(api.ISTIO_GATEWAYS),
  VirtualService: mesh(api.VIRTUAL_SERVICES),
  DestinationRule: mesh(api.DESTINATION_RULES),
  RequestAuthentication: mesh(api.REQUEST_AUTHENTICATIONS),
  Telemetry: mesh(api.TELEMETRIES),
  EnvoyFilter: mesh(api.ENVOY_FILTERS),
  TrafficExtension: mesh(api.TRAFFIC_EXTENSIONS),
  WasmPlugin: mesh(api.WASM_PLUGINS),
};
