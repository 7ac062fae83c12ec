import { asList, asObject } from '@weft/testing-kube-schema';
import { specOf, statusOf } from '../kube-object.js';
import type { ResourceTarget } from '../serving/resource-routes.js';
import { badRequest, notFound, notImplemented } from '../status-error.js';
import type { Store } from '../storage/store.js';
import type { ContainerRef, KubeletConnector } from './kubelet-connector.js';

const namesOf = (containers: unknown): string[] =>
  asList(containers).map((container) => String(asObject(container)['name']));

/** The container that a log or exec request means; a pod with one container needs no name. */
export function findContainer(store: Store, { info, path, query }: ResourceTarget): ContainerRef {
  const stored = store.bucket('pods').get(path.namespace, path.name);
  if (stored === undefined) throw notFound(info, path.name);
  const spec = specOf(stored.object);
  const main = namesOf(spec['containers']);
  const all = [...main, ...namesOf(spec['initContainers']), ...namesOf(spec['ephemeralContainers'])];
  const asked = query.get('container') ?? '';
  if (asked === '' && main.length !== 1) {
    throw badRequest(`a container name must be specified for pod ${path.name}, choose one of: [${all.join(' ')}]`);
  }
  const container = asked === '' ? main[0]! : asked;
  if (!all.includes(container)) throw badRequest(`container ${container} is not valid for pod ${path.name}`);
  const node = spec['nodeName'];
  if (typeof node !== 'string' || node === '') {
    throw badRequest(
      `pod ${path.name} does not have a host assigned (phase ${String(statusOf(stored.object)['phase'])})`,
    );
  }
  return { namespace: path.namespace, pod: path.name, container };
}

export function requireKubelet(kubelet: KubeletConnector | undefined): KubeletConnector {
  if (kubelet === undefined)
    throw notImplemented('this API server has no connection to nodes: logs, exec and attach are not available');
  return kubelet;
}
