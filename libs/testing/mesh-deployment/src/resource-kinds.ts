import * as kube from '@weft/kube';
import { DeploymentError } from './errors.js';

const BUILT_IN: readonly kube.ResourceType<kube.KubeObject>[] = [
  kube.NAMESPACES,
  kube.SERVICE_ACCOUNTS,
  kube.CONFIG_MAPS,
  kube.SECRETS,
  kube.SERVICES,
  kube.DEPLOYMENTS,
  kube.DAEMON_SETS,
  kube.JOBS,
  kube.PODS,
  kube.CUSTOM_RESOURCE_DEFINITIONS,
];

interface CrdLike {
  readonly spec?: {
    readonly group?: string;
    readonly scope?: string;
    readonly names?: { readonly kind?: string; readonly plural?: string };
    readonly versions?: readonly { readonly name?: string }[];
  };
}

/** How the kinds of our manifests are reached: built-in ones and those of the given CRDs. */
export class ResourceKinds {
  readonly #types = new Map<string, kube.ResourceType<kube.KubeObject>>();

  constructor(crds: readonly kube.KubeObject[]) {
    for (const type of BUILT_IN) this.#types.set(`${type.apiVersion} ${type.kind}`, type);
    for (const { spec } of crds as readonly CrdLike[]) {
      for (const { name } of spec?.versions ?? []) {
        const apiVersion = `${spec?.group ?? ''}/${name ?? ''}`;
        const kind = spec?.names?.kind ?? '';
        this.#types.set(`${apiVersion} ${kind}`, {
          apiVersion,
          kind,
          plural: spec?.names?.plural ?? '',
          namespaced: spec?.scope !== 'Cluster',
        });
      }
    }
  }

  of(object: kube.KubeObject): kube.ResourceType<kube.KubeObject> {
    const type = this.#types.get(`${object.apiVersion ?? ''} ${object.kind ?? ''}`);
    if (type === undefined)
      throw new DeploymentError(`${object.apiVersion ?? ''} ${object.kind ?? ''} is of no kind that can be deployed`);
    return type;
  }
}
