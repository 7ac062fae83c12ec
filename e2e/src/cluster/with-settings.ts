import type { Deployment, KubeObject } from '@weft/kube';

/** Environment of components by name of their Deployment or DaemonSet, over what the manifest says; and replicas. */
export type ComponentSettings = Readonly<
  Record<string, { readonly env?: Readonly<Record<string, string>>; readonly replicas?: number }>
>;

/** Changes the objects of the mesh before they are applied; other kinds and names stay as they are. */
export function withSettings(settings: ComponentSettings): (object: KubeObject) => KubeObject {
  return (object) => {
    const wanted = settings[object.metadata?.name ?? ''];
    const { spec } = object as Deployment;
    const hasPods = object.kind === 'Deployment' || object.kind === 'DaemonSet';
    if (wanted === undefined || !hasPods || spec?.template.spec === undefined) return object;
    const { env = {}, replicas } = wanted;
    const [first, ...others] = spec.template.spec.containers;
    const kept = (first?.env ?? []).filter(({ name }) => !(name in env));
    const added = Object.entries(env).map(([name, value]) => ({ name, value }));
    const containers = first === undefined ? [] : [{ ...first, env: [...kept, ...added] }, ...others];
    const template = { ...spec.template, spec: { ...spec.template.spec, containers } };
    return { ...object, spec: { ...spec, ...(replicas !== undefined && { replicas }), template } } as KubeObject;
  };
}
