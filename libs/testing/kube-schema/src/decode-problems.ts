import type { JsonObject } from './json.js';
import type { ResourceInfo } from './resource-info.js';

export interface DecodeProblem {
  readonly kind: 'unknown-field' | 'wrong-type';
  /** Such as `spec.containers[0].foo`. */
  readonly path: string;
  /** `unknown field "spec.foo"`, or `json: cannot unmarshal string into Go struct field ...`. */
  readonly message: string;
}

/**
 * What Kubernetes' decoder would say. `wrong-type` is always fatal for a built-in type (400 BadRequest, `<Kind> in version "<v>" cannot be handled as a <Kind>: <message>`);
 * `unknown-field` is fatal with fieldValidation=Strict (`strict decoding error: ` + messages joined by `, `), a warning with Warn, nothing with Ignore.
 * For custom resources only `unknown-field` is reported; types are judged by `validateObject` (422).
 */
export function decodeProblems(_resource: ResourceInfo, _object: JsonObject): readonly DecodeProblem[] {
  return [];
}
