import { asList, asObject } from '@weft/testing-kube-schema';
import { specOf, statusOf, type KubeObject } from '../kube-object.js';
import type { ResourceTarget } from '../serving/resource-routes.js';
import { badRequest, notFound, notImplemented } from '../status-error.js';
import type { Store } from '../storage/store.js';
import type { Stored } from '../storage/stored.js';
import type { ContainerRef, KubeletConnector, PodRef } from './kubelet-connector.js';

const namesOf = (containers: unknown): string[] =>
  asList(containers).map((container) => String(asObject(container)['name']));

/** The container that a log or exec request means; a pod with one container needs no name. */
export function findContainer(store: Store, target: ResourceTarget): ContainerRef {
  const { path, query } = target;
  const { object } = findStored(store, target);
  const spec = specOf(object);
  const main = namesOf(spec['containers']);
  const all = [...main, ...namesOf(spec['initContainers']), ...namesOf(spec['ephemeralContainers'])];
  const asked = query.get('container') ?? '';
  if (asked === '' && main.length !== 1) {
    throw badRequest(`a container name must be specified for pod ${path.name}, choose one of: [${all.join(' ')}]`);
  }
  const container = asked === '' ? main[0]! : asked;
  if (!all.includes(container)) throw badRequest(`container ${container} is not valid for pod ${path.name}`);
  requireNode(object);
  return { namespace: path.namespace, pod: path.name, container };
}

/** The pod that a port-forward means. */
export function findPod(store: Store, target: ResourceTarget): PodRef {
  requireNode(findStored(store, target).object);
  return { namespace: target.path.namespace, pod: target.path.name };
}

function findStored(store: Store, { info, path }: ResourceTarget): Stored {
  const stored = store.bucket('pods').get(path.namespace, path.name);
  if (stored === undefined) throw notFound(info, path.name);
  return stored;
}

function requireNode(pod: KubeObject): void {
  const node = specOf(pod)['nodeName'];
  if (typeof node === 'string' && node !== '') return;
  throw badRequest(`pod ${pod.metadata.name} does not have a host assigned (phase ${String(statusOf(pod)['phase'])})`);
}

export function requireKubelet(kubelet: KubeletConnector | undefined): KubeletConnector {
  if (kubelet === undefined)
    throw notImplemented(
      'this API server has no connection to nodes: logs, exec, attach and port-forward are not available',
    );
  return kubelet;
}
