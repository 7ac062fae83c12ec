import type { Permission, Principal } from '@weft/xds/gen/envoy/config/rbac/v3/rbac.js';
import type { Draft } from '../messages/draft.js';

export type PermissionDraft = Draft<typeof Permission>;
export type PrincipalDraft = Draft<typeof Principal>;

/** And, or, not over Envoy's permissions or principals, which differ only in the names of their fields. */
export interface Logic<T> {
  all(terms: readonly T[]): T;
  any(terms: readonly T[]): T;
  not(term: T): T;
}

export const PERMISSIONS: Logic<PermissionDraft> = {
  all: (rules) =>
    rules.length === 0
      ? { rule: { $case: 'any', value: true } }
      : rules.length === 1
        ? rules[0]!
        : { rule: { $case: 'andRules', value: { rules: [...rules] } } },
  any: (rules) => (rules.length === 1 ? rules[0]! : { rule: { $case: 'orRules', value: { rules: [...rules] } } }),
  not: (rule) => ({ rule: { $case: 'notRule', value: rule } }),
};

export const PRINCIPALS: Logic<PrincipalDraft> = {
  all: (ids) =>
    ids.length === 0
      ? { identifier: { $case: 'any', value: true } }
      : ids.length === 1
        ? ids[0]!
        : { identifier: { $case: 'andIds', value: { ids: [...ids] } } },
  any: (ids) => (ids.length === 1 ? ids[0]! : { identifier: { $case: 'orIds', value: { ids: [...ids] } } }),
  not: (id) => ({ identifier: { $case: 'notId', value: id } }),
};

/** One of `values` and none of `notValues`; lists of which nothing could be read constrain nothing. */
export function constraints<T>(
  logic: Logic<T>,
  termOf: (value: string) => T | null,
  values: readonly string[],
  notValues: readonly string[],
): readonly T[] {
  const terms = (list: readonly string[]): T[] => list.flatMap((value) => termOf(value) ?? []);
  const wanted = terms(values);
  const unwanted = terms(notValues);
  return [
    ...(wanted.length > 0 ? [logic.any(wanted)] : []),
    ...(unwanted.length > 0 ? [logic.not(logic.any(unwanted))] : []),
  ];
}
