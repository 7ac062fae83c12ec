import type { AdmissionRequest } from '../objects/write-context.js';
import { forbidden, notFound, StatusError } from '../status-error.js';
import type { Store } from '../storage/store.js';
import type { AdmissionStep } from './admission-chain.js';

const IMMORTAL = new Set(['default', 'kube-system', 'kube-public']);
const NAMESPACES = { group: '', plural: 'namespaces' };

/** Nothing is created in a namespace that is not there or is going away; the system namespaces stay. */
export class NamespaceLifecycle implements AdmissionStep {
  constructor(private readonly store: Store) {}

  validate({ operation, info, namespace, name, subresource }: AdmissionRequest): void {
    if (operation === 'DELETE' && info.plural === 'namespaces' && info.group === '' && IMMORTAL.has(name)) {
      throw forbidden(NAMESPACES, name, 'this namespace may not be deleted');
    }
    if (operation !== 'CREATE' || !info.namespaced || subresource !== '') return;
    const live = this.store.bucket('namespaces').get('', namespace);
    if (live === undefined) throw notFound(NAMESPACES, namespace);
    if (live.object.metadata.deletionTimestamp === undefined) return;
    const refusal = forbidden(
      info,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
    throw new StatusError(refusal.httpStatus, refusal.reason, refusal.message, {
      ...refusal.details,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    });
  }
}
