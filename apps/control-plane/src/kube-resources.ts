import type { KubeObject, ResourceType } from '@weft/kube';
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

const mesh = (apiVersion: string, kind: string, plural: string): ResourceType<MeshObject> => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
});

export const AUTHORIZATION_POLICIES = mesh('security.istio.io/v1', 'AuthorizationPolicy', 'authorizationpolicies');
export const PEER_AUTHENTICATIONS = mesh('security.istio.io/v1', 'PeerAuthentication', 'peerauthentications');
export const SERVICE_ENTRIES = mesh('networking.istio.io/v1', 'ServiceEntry', 'serviceentries');
export const WORKLOAD_ENTRIES = mesh('networking.istio.io/v1', 'WorkloadEntry', 'workloadentries');

export const STATUS_TYPES: Readonly<Record<StatusKind, ResourceType<MeshObject>>> = {
  AuthorizationPolicy: AUTHORIZATION_POLICIES,
  PeerAuthentication: PEER_AUTHENTICATIONS,
  ServiceEntry: SERVICE_ENTRIES,
  WorkloadEntry: WORKLOAD_ENTRIES,
};
