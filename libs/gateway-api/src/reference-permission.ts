import type { ParsedResource, ReferenceGrantSpec } from '@weft/mesh-api';

export interface Referrer {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

export interface Referent extends Referrer {
  readonly name: string;
}

/** Whether one resource may refer to another: in its own namespace always, elsewhere when a grant there says so. */
export function mayRefer(
  from: Referrer,
  to: Referent,
  /** Of the namespace of `to`. */
  grants: readonly Pick<ParsedResource<ReferenceGrantSpec>, 'meta' | 'spec'>[],
): boolean {
  if (from.namespace === to.namespace) return true;
  return grants.some(
    ({ meta, spec }) =>
      spec !== null &&
      meta.namespace === to.namespace &&
      spec.from.some((one) => one.group === from.group && one.kind === from.kind && one.namespace === from.namespace) &&
      spec.to.some(
        (one) => one.group === to.group && one.kind === to.kind && (one.name === undefined || one.name === to.name),
      ),
  );
}
