import type { GroupVersionKind } from './group-version-kind.js';
import type { Schema } from './schema.js';

export interface SubresourceInfo {
  /** `status`, `scale`, `binding`, `eviction`, `log`, `exec`, `attach`, `portforward`, `token`, `approval`, `finalize`, `ephemeralcontainers`, `resize`. */
  readonly name: string;
  /** Kind of the body, with its group version when it differs from the resource's own (Scale, Eviction, TokenRequest). */
  readonly kind: GroupVersionKind;
  readonly verbs: readonly string[];
}

/** Where the scale subresource reads and writes in the object, as JSON paths such as `.spec.replicas`. */
export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  /** A selector in text form, or absent. For built-in types it may point at a LabelSelector object. */
  readonly labelSelectorPath?: string;
}

export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly jsonPath: string;
}

/** One served resource of one version: all that discovery, storage and the printers have to know. */
export interface ResourceInfo extends GroupVersionKind {
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly subresources: readonly SubresourceInfo[];
  readonly scale?: ScalePaths;
  /** Absent only for a custom resource without a schema. */
  readonly schema?: Schema;
  /** True when it came from a CustomResourceDefinition. */
  readonly custom: boolean;
  /** Built-in kinds that are answered, not stored: TokenReview, SubjectAccessReview, ... (verbs: create). */
  readonly virtual: boolean;
  readonly printerColumns?: readonly PrinterColumn[];
  /** Fields besides metadata.name and metadata.namespace that a field selector may name. */
  readonly selectableFields: readonly string[];
  /** True when metadata.generation counts changes outside metadata and status. */
  readonly hasGeneration: boolean;
}
