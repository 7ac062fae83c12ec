import type { ObjectReference } from '@weft/mesh-api';
import type { TrustBundle } from './trust-bundle.js';

/** What peers are verified with. */
export type TrustedRoots = { readonly kind: 'system' } | { readonly kind: 'pem'; readonly text: string };

/** Undefined: there is no such ConfigMap. */
export type TrustBundles = (namespace: string, name: string) => TrustBundle | undefined;

export interface RootsFault {
  readonly cause: 'kind' | 'reference' | 'not permitted';
  readonly message: string;
}

export interface ResolvedRoots {
  /** Null: no reference leads to roots. */
  readonly roots: TrustedRoots | null;
  /** Of the first reference that cannot be used; null if all can. */
  readonly fault: RootsFault | null;
}

export interface RootsView {
  readonly bundleOf: TrustBundles;
  /** Whether the reference to another namespace is granted. */
  readonly mayRefer: (reference: Required<RootsReference>) => boolean;
}

type RootsReference = Pick<ObjectReference, 'group' | 'kind' | 'name' | 'namespace'>;

/** The roots of all references that can be used, as one bundle. */
export function resolveRoots(
  home: string,
  references: readonly RootsReference[],
  { bundleOf, mayRefer }: RootsView,
): ResolvedRoots {
  const found = references.map(({ group, kind, name, namespace = home }): string | RootsFault => {
    const fault = (cause: RootsFault['cause'], message: string): RootsFault => ({ cause, message });
    if (group !== '' || kind !== 'ConfigMap')
      return fault('kind', `${group === '' ? 'core' : group}/${kind} has no roots; refer to a ConfigMap`);
    const map = `ConfigMap ${namespace}/${name}`;
    if (namespace !== home && !mayRefer({ group, kind, name, namespace }))
      return fault('not permitted', `${map} may not be referred to from namespace ${home}; add a ReferenceGrant there`);
    const bundle = bundleOf(namespace, name);
    if (bundle === undefined) return fault('reference', `there is no ${map}; create it or correct the name`);
    return bundle.pem ?? fault('reference', `${map} ${bundle.fault ?? 'has no roots'}`);
  });
  const texts = found.filter((one) => typeof one === 'string');
  return {
    roots: texts.length === 0 ? null : { kind: 'pem', text: texts.join('\n') },
    fault: found.find((one) => typeof one !== 'string') ?? null,
  };
}
