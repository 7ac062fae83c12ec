import type { FieldReader } from '../field-reader.js';
import { list } from '../schema/collection-fields.js';
import { defaulted, required, type TypeOf } from '../schema/field.js';
import { API_GROUP, API_KIND, DNS_LABEL, DNS_SUBDOMAIN } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { integer, port, text } from '../schema/scalar-fields.js';

export const GATEWAY_API_GROUP = 'gateway.networking.k8s.io';

export const objectName = (description: string) => text(description, { minLength: 1, maxLength: 253 });
export const sectionName = (description: string) => text(description, { format: DNS_SUBDOMAIN });
export const namespaceName = text('Its namespace. Default that of the resource.', { format: DNS_LABEL });
export const apiGroup = text('API group; empty for core.', { format: API_GROUP });
export const apiKind = text('Kind.', { format: API_KIND });

/** Where a route attaches. */
export const parentRefs = list(
  'What the routes are attached to: Gateways, or Services in the mesh.',
  object('A Gateway, ListenerSet, Service or ServiceEntry.', {
    group: defaulted(apiGroup, GATEWAY_API_GROUP),
    kind: defaulted(apiKind, 'Gateway'),
    namespace: namespaceName,
    name: required(objectName('Its name.')),
    sectionName: sectionName('Listener of the Gateway, or port name of the Service. Default all.'),
    port: port('Port. Default all.'),
  }),
  { maxItems: 32, type: 'atomic' },
);
export type ParentReference = TypeOf<typeof parentRefs>[number];

export const backendFields = {
  group: defaulted(apiGroup, ''),
  kind: defaulted(apiKind, 'Service'),
  name: required(objectName('Its name.')),
  namespace: namespaceName,
  port: port('Port of the Service.'),
} as const;

export const BACKEND_PORT_RULE = {
  rule: "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
  message: 'Must have port for Service reference',
} as const;

/** A Service has many ports. */
export function needsPort<
  T extends { readonly group: string; readonly kind: string; readonly port?: number | undefined },
>(value: T, at: { readonly port: FieldReader }): T | undefined {
  if (value.group !== '' || value.kind !== 'Service' || value.port !== undefined) return value;
  if (!at.port.present) at.port.error('is missing', 'set the port of the Service');
  return undefined;
}

export const weight = defaulted(integer('Share relative to the sum of all.', 0, 1_000_000), 1);

/** Of a rule without filters of its own: TCPRoute and TLSRoute. */
export const plainBackendRef = object(
  'A share of the connections.',
  { ...backendFields, weight },
  { rules: [BACKEND_PORT_RULE], refine: needsPort },
);

export const secretRef = object('A reference to a certificate.', {
  group: defaulted(apiGroup, ''),
  kind: defaulted(apiKind, 'Secret'),
  name: required(objectName('Its name.')),
  namespace: namespaceName,
});
export type SecretReference = TypeOf<typeof secretRef>;

/** Of ConfigMaps and Secrets with root certificates. */
export const objectRef = object('A reference.', {
  group: required(apiGroup),
  kind: required(apiKind),
  name: required(objectName('Its name.')),
  namespace: namespaceName,
});
export type ObjectReference = TypeOf<typeof objectRef>;
export const localObjectRef = object('A reference in the same namespace.', {
  group: required(apiGroup),
  kind: required(apiKind),
  name: required(objectName('Its name.')),
});
