import type { ResourceInfo } from '@weft/testing-kube-schema';
import type { UserInfo } from '../auth/user-info.js';
import type { KubeObject } from '../kube-object.js';
import type { Store } from '../storage/store.js';
import type { TypeCatalog } from '../type-catalog.js';

/** What comes with one write besides the object. */
export interface WriteOptions {
  readonly user: UserInfo;
  /** Who owns the fields that this write sets. */
  readonly manager: string;
  readonly dryRun: boolean;
  readonly fieldValidation: 'Ignore' | 'Warn' | 'Strict';
  /** Collects what goes into Warning headers. */
  readonly warn: (text: string) => void;
}

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  readonly operation: AdmissionOperation;
  readonly info: ResourceInfo;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Null on DELETE. */
  readonly object: KubeObject | null;
  readonly oldObject: KubeObject | null;
  readonly options: WriteOptions;
}

/** Judges and changes objects on their way in. Refuses by throwing StatusError. */
export interface Admission {
  /** The object to go on with; the same one when nothing changed. */
  mutate(request: AdmissionRequest): Promise<KubeObject | null>;
  validate(request: AdmissionRequest): Promise<void>;
}

/** What one resource does right before it is stored: synchronous, sees the last state, may fill in fields of the draft. */
export interface TypeRules {
  beforeCreate?(draft: KubeObject): void;
  beforeUpdate?(draft: KubeObject, live: KubeObject): void;
}

export interface WriteContext {
  readonly store: Store;
  readonly catalog: TypeCatalog;
  readonly admission: Admission;
  readonly rules: ReadonlyMap<string, TypeRules>;
  readonly now: () => Date;
}
