import { randomBytes } from 'node:crypto';
import { asList, asObject, type JsonObject } from '@weft/testing-kube-schema';
import { shallowCopy, specOf, type KubeObject } from '../kube-object.js';
import type { AdmissionRequest } from '../objects/write-context.js';
import { forbidden } from '../status-error.js';
import type { Store } from '../storage/store.js';
import type { AdmissionStep } from './admission-chain.js';

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** A little over an hour, as the real server asks, so that a client that reads the file hourly never meets an expired one. */
const TOKEN_SECONDS = 3607;

function tokenVolume(name: string): JsonObject {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}

function mounted(containers: unknown, volume: string): unknown[] {
  return asList(containers).map((container) => {
    const fields = asObject(container);
    const mounts = asList(fields['volumeMounts']);
    if (mounts.some((mount) => asObject(mount)['mountPath'] === MOUNT_PATH)) return container;
    return { ...fields, volumeMounts: [...mounts, { name: volume, readOnly: true, mountPath: MOUNT_PATH }] };
  });
}

/** Gives a pod its ServiceAccount and, unless told not to, the volume with its token, the cluster's CA and its namespace. */
export class ServiceAccountAdmission implements AdmissionStep {
  constructor(private readonly store: Store) {}

  mutate({ operation, info, namespace, name, subresource, object }: AdmissionRequest): KubeObject | null {
    if (operation !== 'CREATE' || info.group !== '' || info.plural !== 'pods' || subresource !== '' || object === null)
      return object;
    const spec = specOf(object);
    const wanted = spec['serviceAccountName'] ?? spec['serviceAccount'];
    const accountName = typeof wanted === 'string' && wanted !== '' ? wanted : 'default';
    if (this.store.bucket('namespaces').get('', namespace) === undefined) return object;
    const account = this.store.bucket('serviceaccounts').get(namespace, accountName);
    if (account === undefined) {
      throw forbidden(
        info,
        name,
        `error looking up service account ${namespace}/${accountName}: serviceaccount ${JSON.stringify(accountName)} not found`,
      );
    }
    const draft = shallowCopy(object);
    const next: JsonObject = { ...spec, serviceAccountName: accountName, serviceAccount: accountName };
    const automount = spec['automountServiceAccountToken'] ?? account.object['automountServiceAccountToken'] ?? true;
    if (automount !== false) this.#mountToken(next);
    draft['spec'] = next;
    return draft;
  }

  #mountToken(spec: JsonObject): void {
    const containers = [...asList(spec['containers']), ...asList(spec['initContainers'])].map(asObject);
    const needed = containers.some(
      (container) => !asList(container['volumeMounts']).some((mount) => asObject(mount)['mountPath'] === MOUNT_PATH),
    );
    if (!needed) return;
    const volume = `kube-api-access-${randomBytes(3).toString('hex').slice(0, 5)}`;
    spec['containers'] = mounted(spec['containers'], volume);
    if (asList(spec['initContainers']).length > 0) spec['initContainers'] = mounted(spec['initContainers'], volume);
    spec['volumes'] = [...asList(spec['volumes']), tokenVolume(volume)];
  }
}
