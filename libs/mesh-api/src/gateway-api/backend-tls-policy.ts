import type { FieldReader } from '../field-reader.js';
import { meshKind } from '../mesh-kind.js';
import { list, textMap } from '../schema/collection-fields.js';
import { required, vital, type TypeOf } from '../schema/field.js';
import { DNS_SUBDOMAIN, WILDCARD_HOST } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { choice, text } from '../schema/scalar-fields.js';
import { apiGroup, apiKind, GATEWAY_API_GROUP, localObjectRef, objectName, sectionName } from './references.js';
import { policyStatus } from './route-status.js';

const spec = object('TLS from gateways to a service.', {
  targetRefs: required(
    list(
      'The services.',
      object('A service, or one port of it.', {
        group: required(apiGroup),
        kind: required(apiKind),
        name: required(objectName('Its name.')),
        sectionName: sectionName('Name of the port. Default all.'),
      }),
      { minItems: 1, maxItems: 16, type: 'atomic' },
    ),
  ),
  validation: required(
    object(
      'How the certificate of the service is verified.',
      {
        caCertificateRefs: vital(list('ConfigMaps with roots.', localObjectRef, { maxItems: 8, type: 'atomic' })),
        wellKnownCACertificates: text('System: the roots of the system.', { minLength: 1, maxLength: 253 }),
        hostname: required(text('Name in the handshake, and in the certificate.', { format: DNS_SUBDOMAIN })),
        subjectAltNames: list(
          'Names in the certificate, in place of hostname.',
          object('A name.', {
            type: required(choice('Which kind.', ['Hostname', 'URI'])),
            hostname: text('As a host name.', { format: WILDCARD_HOST }),
            uri: text('As a URI, such as a SPIFFE ID.', { minLength: 1, maxLength: 253 }),
          }),
          { maxItems: 5, type: 'atomic' },
        ),
      },
      {
        whole: true,
        refine: checkValidation,
        rules: [
          {
            rule: '!(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0 && has(self.wellKnownCACertificates) && self.wellKnownCACertificates != "")',
            message: 'must not contain both CACertificateRefs and WellKnownCACertificates',
          },
          {
            rule: '(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0 || has(self.wellKnownCACertificates) && self.wellKnownCACertificates != "")',
            message: 'must specify either CACertificateRefs or WellKnownCACertificates',
          },
        ],
      },
    ),
  ),
  options: textMap('More, by implementation.', { maxProperties: 16 }),
});

type ValidationAt = Readonly<Record<'caCertificateRefs' | 'wellKnownCACertificates' | 'subjectAltNames', FieldReader>>;

/** Only told: without roots the connection fails, whatever else is written. */
function checkValidation<T>(value: T, at: ValidationAt, self: FieldReader): T {
  const given = (['caCertificateRefs', 'wellKnownCACertificates'] as const).filter((name) =>
    name === 'caCertificateRefs' ? at[name].list().length > 0 : (at[name].text() ?? '') !== '',
  );
  if (given.length === 2) self.error(`has ${given.join(' and ')}`, 'keep one of them');
  if (given.length === 0)
    self.error('has no roots', 'name a ConfigMap in caCertificateRefs, or set wellKnownCACertificates: System');
  for (const item of at.subjectAltNames.list()) {
    const field = item.field('type').text() === 'URI' ? 'uri' : 'hostname';
    if (!item.field(field).present) item.error(`has no ${field}`, `set ${field}, or another type`);
  }
  return value;
}

export type BackendTlsPolicySpec = TypeOf<typeof spec>;

export const BACKEND_TLS_POLICIES = meshKind(
  {
    group: GATEWAY_API_GROUP,
    kind: 'BackendTLSPolicy',
    plural: 'backendtlspolicies',
    shortNames: ['btlspolicy'],
    versions: ['v1', 'v1alpha3'],
    status: { instead: policyStatus },
  },
  spec,
);
