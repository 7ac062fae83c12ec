import { authorizationPolicySpec } from './authorization-policy-crd.js';
import { peerAuthenticationSpec } from './peer-authentication-crd.js';
import { statusSchema, type JsonSchema } from './schema.js';
import { serviceEntrySpec, serviceEntryStatus, workloadEntrySpec, workloadGroupSpec } from './workload-crds.js';

/** A manifest ready for `kubectl apply`. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
}

interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'date' | 'integer';
  readonly jsonPath: string;
  readonly description: string;
}

interface MeshKind {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  /** The first one is stored. */
  readonly versions: readonly string[];
  readonly spec: JsonSchema;
  readonly status?: Readonly<Record<string, JsonSchema>>;
  readonly columns: readonly PrinterColumn[];
}

const SECURITY_VERSIONS = ['v1', 'v1beta1'];
const NETWORKING_VERSIONS = ['v1', 'v1beta1', 'v1alpha3'];
const column = (name: string, jsonPath: string, description: string): PrinterColumn => ({
  name,
  type: 'string',
  jsonPath,
  description,
});
const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since creation.',
};
const ACCEPTED = column(
  'Accepted',
  '.status.conditions[?(@.type=="ZtunnelAccepted")].status',
  'Whether ztunnel enforces it as written.',
);

const KINDS: readonly MeshKind[] = [
  {
    group: 'security.istio.io',
    kind: 'AuthorizationPolicy',
    plural: 'authorizationpolicies',
    shortName: 'ap',
    versions: SECURITY_VERSIONS,
    spec: authorizationPolicySpec,
    columns: [column('Action', '.spec.action', 'What a match means.'), ACCEPTED, AGE],
  },
  {
    group: 'security.istio.io',
    kind: 'PeerAuthentication',
    plural: 'peerauthentications',
    shortName: 'pa',
    versions: SECURITY_VERSIONS,
    spec: peerAuthenticationSpec,
    columns: [column('Mode', '.spec.mtls.mode', 'The mTLS mode.'), ACCEPTED, AGE],
  },
  {
    group: 'networking.istio.io',
    kind: 'ServiceEntry',
    plural: 'serviceentries',
    shortName: 'se',
    versions: NETWORKING_VERSIONS,
    spec: serviceEntrySpec,
    status: serviceEntryStatus,
    columns: [
      column('Hosts', '.spec.hosts', 'Host names of the service.'),
      column('Location', '.spec.location', 'Whether it is part of the mesh.'),
      column('Resolution', '.spec.resolution', 'How endpoints are found.'),
      AGE,
    ],
  },
  {
    group: 'networking.istio.io',
    kind: 'WorkloadEntry',
    plural: 'workloadentries',
    shortName: 'we',
    versions: NETWORKING_VERSIONS,
    spec: workloadEntrySpec,
    columns: [AGE, column('Address', '.spec.address', 'Address of the workload.')],
  },
  {
    group: 'networking.istio.io',
    kind: 'WorkloadGroup',
    plural: 'workloadgroups',
    shortName: 'wg',
    versions: NETWORKING_VERSIONS,
    spec: workloadGroupSpec,
    columns: [AGE],
  },
];

/** The CustomResourceDefinitions of every mesh kind that the control plane reads. Fresh objects at each call. */
export function meshCrds(): readonly CustomResourceDefinition[] {
  return KINDS.map(crdOf);
}

function crdOf({
  group,
  kind,
  plural,
  shortName,
  versions,
  spec,
  status,
  columns,
}: MeshKind): CustomResourceDefinition {
  const schema = {
    type: 'object',
    properties: { spec, status: { ...statusSchema, properties: { ...statusSchema.properties, ...status } } },
  };
  return structuredClone({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { 'app.kubernetes.io/part-of': 'weft' } },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
        categories: ['istio-io', group.split('.')[0]],
      },
      scope: 'Namespaced',
      versions: versions.map((name, i) => ({
        name,
        served: true,
        storage: i === 0,
        subresources: { status: {} },
        additionalPrinterColumns: columns,
        schema: { openAPIV3Schema: schema },
      })),
    },
  });
}
