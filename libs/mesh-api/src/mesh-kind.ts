import { statusSchema } from './crds/schema.js';
import { parseResource, type ParsedResource } from './parsed-resource.js';
import type { Field } from './schema/field.js';
import type { JsonSchema } from './schema/json-schema.js';

export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'date' | 'integer';
  readonly jsonPath: string;
  readonly description: string;
}

export const column = (name: string, jsonPath: string, description: string): PrinterColumn => ({
  name,
  type: 'string',
  jsonPath,
  description,
});
export const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since creation.',
};

/** A manifest ready for `kubectl apply`. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface KindDescription {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  /** Served; the first one is the one that we ask for. */
  readonly versions: readonly string[];
  /** The first of `versions` if not given. */
  readonly storedVersion?: string;
  readonly namespaced?: boolean;
  readonly columns?: readonly PrinterColumn[];
  /** Added to the conditions that every kind has, or in place of them. */
  readonly status?: { readonly more?: Readonly<Record<string, JsonSchema>>; readonly instead?: JsonSchema };
}

/** One kind of resource: how it is reached, how it is read, and its CustomResourceDefinition. */
export interface MeshKind<S> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly group: string;
  parse(object: unknown): ParsedResource<S>;
  /** A fresh object at each call. */
  crd(): CustomResourceDefinition;
}

export function meshKind<S>(description: KindDescription, spec: Field<S>): MeshKind<S> {
  return kindOf(description, spec.schema, (object) => parseResource(object, (reader) => spec.read(reader) ?? null));
}

/** A kind with a reader of its own. */
export function kindOf<S>(
  description: KindDescription,
  spec: JsonSchema,
  parse: (object: unknown) => ParsedResource<S>,
): MeshKind<S> {
  const { group, kind, plural, versions, namespaced = true } = description;
  return {
    apiVersion: `${group}/${versions[0]!}`,
    kind,
    plural,
    namespaced,
    group,
    parse,
    crd: () => structuredClone(crdOf(description, spec)),
  };
}

/** Groups below k8s.io are protected: the manifest has to name the review that the API went through. */
const GATEWAY_API_REVIEW = 'https://github.com/kubernetes-sigs/gateway-api/pull/4530';
const GATEWAY_API_VERSION = 'v1.6.3';

function crdOf(description: KindDescription, spec: JsonSchema): CustomResourceDefinition {
  const { group, kind, plural, versions, namespaced = true, shortNames = [], columns = [AGE], status } = description;
  const { storedVersion = versions[0] } = description;
  const isIstio = group.endsWith('.istio.io');
  const schema = {
    type: 'object',
    properties: {
      spec,
      status: status?.instead ?? {
        ...statusSchema,
        properties: { ...statusSchema.properties, ...status?.more },
      },
    },
    ...(!isIstio && { required: ['spec'] }),
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      labels: { 'app.kubernetes.io/part-of': 'weft' },
      ...(!isIstio && {
        annotations: {
          'api-approved.kubernetes.io': GATEWAY_API_REVIEW,
          'gateway.networking.k8s.io/bundle-version': GATEWAY_API_VERSION,
          'gateway.networking.k8s.io/channel': 'standard',
        },
      }),
    },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames.length > 0 && { shortNames }),
        categories: isIstio ? ['istio-io', group.split('.')[0]] : ['gateway-api'],
      },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: versions.map((name) => ({
        name,
        served: true,
        storage: name === storedVersion,
        subresources: { status: {} },
        additionalPrinterColumns: columns,
        schema: { openAPIV3Schema: schema },
      })),
    },
  };
}
