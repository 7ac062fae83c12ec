import { ok, type Result } from '@weft/result';
import type { JsonObject } from '../json.js';
import type { ResourceInfo } from '../resource-info.js';

export interface FieldRequirement {
  /** Such as `metadata.name` or `spec.nodeName`. */
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export type FieldSelector = readonly FieldRequirement[];

/** `metadata.name=a,status.phase!=Running`; a field that the resource does not offer is an error (400: `field label not supported: x`). */
export function parseFieldSelector(_resource: ResourceInfo, _text: string): Result<FieldSelector, string> {
  return ok([]);
}

export function matchesFields(_resource: ResourceInfo, _selector: FieldSelector, _object: JsonObject): boolean {
  return true;
}
