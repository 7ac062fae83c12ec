import { objectMetaSchema } from '../builtin/builtin-schema.js';
import { setKey, type JsonObject } from '../json.js';
import type { ResourceInfo } from '../resource-info.js';
import type { Schema } from '../schema.js';

export type OpenApiVersion = 'v2' | 'v3';

const REF_PREFIX = { v2: '#/definitions/', v3: '#/components/schemas/' } as const;
const LIST_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta';

/** OpenAPI v2 has no unions and no nullable; these keys are then left out, which only makes the document say less. */
const V3_ONLY: ReadonlySet<string> = new Set(['nullable', 'oneOf', 'anyOf', 'allOf', 'not']);

const COPIED = [
  'description',
  'format',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'required',
  'default',
  'nullable',
] as const;

/** Collects the schemas of resources into one `definitions` (v2) or `components.schemas` (v3) object; shared types are written once. */
export class SchemaDocument {
  readonly definitions: JsonObject = {};

  constructor(private readonly version: OpenApiVersion) {}

  /** Writes the kind and its list; returns the name of the kind's definition. */
  addResource(resource: ResourceInfo): string {
    const name = resource.schema?.definition ?? customDefinitionName(resource);
    const body = resource.schema === undefined ? freeObject() : this.#body(resource.schema);
    if (resource.custom) this.#completeCustom(body);
    body['x-kubernetes-group-version-kind'] = [groupVersionKind(resource, resource.kind)];
    setKey(this.definitions, name, body);
    if (!resource.virtual) this.#addList(resource, name);
    return name;
  }

  #addList(resource: ResourceInfo, item: string): void {
    this.definitions[LIST_META] ??= {
      type: 'object',
      properties: Object.fromEntries(
        ['continue', 'resourceVersion', 'selfLink'].map((key) => [key, { type: 'string' }]),
      ),
    };
    const name = item.endsWith(`.${resource.kind}`)
      ? item.slice(0, -resource.kind.length) + resource.listKind
      : `${item}List`;
    setKey(this.definitions, name, {
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: this.reference(LIST_META),
        items: { type: 'array', items: this.reference(item) },
      },
      'x-kubernetes-group-version-kind': [groupVersionKind(resource, resource.listKind)],
    });
  }

  #completeCustom(body: JsonObject): void {
    const properties = (body['properties'] ?? {}) as JsonObject;
    body['properties'] = {
      ...properties,
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: this.#field(objectMetaSchema()),
    };
    body['type'] = 'object';
  }

  reference(definition: string): JsonObject {
    return { $ref: REF_PREFIX[this.version] + definition };
  }

  #field(schema: Schema): JsonObject {
    if (schema.definition === undefined) return this.#body(schema);
    this.#define(schema.definition, schema);
    const extras = this.#extras(schema);
    if (schema.default !== undefined) extras['default'] = schema.default;
    const reference = this.reference(schema.definition);
    if (Object.keys(extras).length === 0) return reference;
    return this.version === 'v3' ? { ...extras, allOf: [reference] } : { ...extras, ...reference };
  }

  #define(name: string, schema: Schema): void {
    if (Object.hasOwn(this.definitions, name)) return;
    // The place is taken first: a type may contain itself.
    this.definitions[name] = {};
    this.definitions[name] = this.#body(schema);
  }

  #body(schema: Schema): JsonObject {
    const body: JsonObject = this.#type(schema);
    for (const key of COPIED) {
      if (schema[key] === undefined || (this.version === 'v2' && V3_ONLY.has(key)) || Object.hasOwn(body, key))
        continue;
      body[key] = schema[key];
    }
    if (schema.properties !== undefined && Object.keys(schema.properties).length > 0) {
      const properties: JsonObject = {};
      for (const [key, child] of Object.entries(schema.properties)) setKey(properties, key, this.#field(child));
      body['properties'] = properties;
    }
    if (schema.additional !== undefined) body['additionalProperties'] = this.#field(schema.additional);
    if (schema.items !== undefined) body['items'] = this.#field(schema.items);
    if (this.version === 'v3') this.#unions(schema, body);
    return { ...body, ...this.#extras(schema) };
  }

  #unions(schema: Schema, body: JsonObject): void {
    for (const key of ['oneOf', 'anyOf', 'allOf'] as const) {
      const parts = schema[key];
      if (parts !== undefined) body[key] = parts.map((part) => this.#body(part));
    }
    if (schema.not !== undefined) body['not'] = this.#body(schema.not);
  }

  #type(schema: Schema): JsonObject {
    switch (schema.type) {
      case 'any':
        return {};
      case 'int-or-string':
        return this.#intOrString(schema);
      default:
        return { type: schema.type };
    }
  }

  #intOrString(schema: Schema): JsonObject {
    const quantity = schema.format === 'quantity';
    if (this.version === 'v2')
      return quantity ? { type: 'string', format: '' } : { type: 'string', format: 'int-or-string' };
    if (schema.definition === undefined) return { 'x-kubernetes-int-or-string': true };
    return {
      format: quantity ? '' : 'int-or-string',
      oneOf: quantity ? [{ type: 'string' }, { type: 'number' }] : [{ type: 'integer' }, { type: 'string' }],
    };
  }

  #extras(schema: Schema): JsonObject {
    const extras: JsonObject = {};
    if (schema.type === 'array' && schema.listType !== undefined) extras['x-kubernetes-list-type'] = schema.listType;
    if (schema.listMapKeys !== undefined) extras['x-kubernetes-list-map-keys'] = schema.listMapKeys;
    if (schema.type === 'object' && schema.mapType !== undefined && schema.preserveUnknown !== true) {
      extras['x-kubernetes-map-type'] = schema.mapType;
    }
    if (schema.patchStrategy !== undefined) extras['x-kubernetes-patch-strategy'] = schema.patchStrategy.join(',');
    if (schema.patchMergeKey !== undefined) extras['x-kubernetes-patch-merge-key'] = schema.patchMergeKey;
    if (schema.preserveUnknown === true && schema.definition === undefined)
      extras['x-kubernetes-preserve-unknown-fields'] = true;
    if (schema.embeddedResource === true) extras['x-kubernetes-embedded-resource'] = true;
    if (schema.rules !== undefined) extras['x-kubernetes-validations'] = schema.rules;
    return extras;
  }
}

function freeObject(): JsonObject {
  return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
}

/** `networking.istio.io` v1 Gateway -> `io.istio.networking.v1.Gateway`. */
function customDefinitionName(resource: ResourceInfo): string {
  return [...resource.group.split('.').reverse(), resource.version, resource.kind].join('.');
}

export function groupVersionKind(type: { readonly group: string; readonly version: string }, kind: string): JsonObject {
  return { group: type.group, version: type.version, kind };
}
