import { asList, asObject, asString, isObject, type JsonObject } from '@weft/testing-kube-schema';

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** `metadata` of any object. Only the fields the server itself reads are named. */
export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
  [field: string]: unknown;
}

/** Any object the server stores. Stored objects are never changed in place: copy first. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** Makes sure that the three fields every object has are there; the value itself is used, not copied. */
export function asKubeObject(value: JsonObject): KubeObject {
  if (!isObject(value['metadata'])) value['metadata'] = {};
  if (typeof value['apiVersion'] !== 'string') value['apiVersion'] = '';
  if (typeof value['kind'] !== 'string') value['kind'] = '';
  return value as KubeObject;
}

export const nameOf = (object: KubeObject): string => asString(object.metadata.name);
export const namespaceOf = (object: KubeObject): string => asString(object.metadata.namespace);
export const uidOf = (object: KubeObject): string => asString(object.metadata.uid);
export const finalizersOf = (object: KubeObject): readonly string[] =>
  asList(object.metadata.finalizers) as readonly string[];
export const specOf = (object: KubeObject): JsonObject => asObject(object['spec']);
export const statusOf = (object: KubeObject): JsonObject => asObject(object['status']);
export const ownersOf = (object: KubeObject): readonly OwnerReference[] =>
  asList(object.metadata.ownerReferences) as readonly OwnerReference[];
export const labelsOf = (object: KubeObject): Readonly<Record<string, string>> =>
  asObject(object.metadata.labels) as Record<string, string>;

/** A copy that may be changed at the top level, in `metadata`, and nowhere deeper. */
export function shallowCopy(object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata } };
}

/** Kubernetes time: RFC 3339 in UTC without fractions. */
export function formatTime(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
