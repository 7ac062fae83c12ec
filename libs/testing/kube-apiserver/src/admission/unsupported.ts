import { asList, asObject, type Cause } from '@weft/testing-kube-schema';
import type { AdmissionRequest } from '../objects/write-context.js';
import { invalid } from '../status-error.js';
import { resourceKey } from '../type-catalog.js';
import type { AdmissionStep } from './admission-chain.js';

/** What an API server would enforce and this one only stores. */
const STORED_ONLY = new Set([
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
  'resourcequotas',
  'limitranges',
]);
const WEBHOOK_CONFIGURATIONS = new Set(['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']);

/** Says so when something is asked for that this server does not do: a warning where the object is only stored, a refusal where it would act wrongly. */
export class Unsupported implements AdmissionStep {
  validate({ operation, info, name, object, options }: AdmissionRequest): void {
    if (object === null || (operation !== 'CREATE' && operation !== 'UPDATE')) return;
    if (STORED_ONLY.has(resourceKey(info)) && operation === 'CREATE')
      options.warn(`${info.kind} is stored but not enforced by this server`);
    if (info.group !== 'admissionregistration.k8s.io' || !WEBHOOK_CONFIGURATIONS.has(info.plural)) return;
    const causes = asList(object['webhooks']).flatMap((webhook, i): Cause[] =>
      asList(asObject(webhook)['matchConditions']).length === 0
        ? []
        : [
            {
              reason: 'FieldValueForbidden',
              field: `webhooks[${i}].matchConditions`,
              message: 'Forbidden: CEL match conditions are not supported by this server',
            },
          ],
    );
    if (causes.length > 0) throw invalid(info, name, causes);
  }
}
