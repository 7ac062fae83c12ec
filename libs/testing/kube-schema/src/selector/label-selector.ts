import { ok, type Result } from '@weft/result';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | '!' | '=' | '!=' | 'gt' | 'lt';
  readonly values: readonly string[];
}

/** All requirements must hold; none at all matches everything. */
export type LabelSelector = readonly LabelRequirement[];

/** `a=b,c!=d,e in (f,g),h,!i`. The error is Kubernetes' message (400). */
export function parseLabelSelector(_text: string): Result<LabelSelector, string> {
  return ok([]);
}

/** A LabelSelector object (`matchLabels`, `matchExpressions`); `undefined` or null matches nothing, `{}` everything. */
export function labelSelectorOf(_selector: unknown): Result<LabelSelector | 'nothing', string> {
  return ok([]);
}

export function matchesLabels(_selector: LabelSelector | 'nothing', _labels: unknown): boolean {
  return true;
}
