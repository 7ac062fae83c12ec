import fc from 'fast-check';
import { formatCauses } from '../cause.js';
import type { JsonObject } from '../json.js';
import { resourcesOfCrd } from '../registry/crd-resources.js';
import type { Schema } from '../schema.js';
import { validateObject } from '../validate-object.js';
import { defaultObject } from '../default-object.js';
import { applySchemaDefaults } from './apply-schema-defaults.js';
import { checkCrd } from './check-crd.js';
import { compileSchema } from './compile-schema.js';
import { prune } from './prune.js';
import { validateValue } from './validate-value.js';

function compiled(source: JsonObject): Schema {
  const result = compileSchema(source);
  if (!result.ok) throw new Error(formatCauses(result.error));
  return result.value;
}

const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({ type: 'object', properties, ...more });
const crd = (schema: JsonObject, more: JsonObject = {}): JsonObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'crontabs.stable.example.com' },
  spec: {
    group: 'stable.example.com',
    scope: 'Namespaced',
    names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'], listKind: 'CronTabList' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, ...more }],
  },
});

describe('a structural schema', () => {
  it.each<[string, JsonObject, string]>([
    [
      'has a type at the root',
      { properties: {} },
      'openAPIV3Schema.type: Required value: must not be empty at the root',
    ],
    ['has the type object at the root', { type: 'array', items: { type: 'string' } }, 'must be object at the root'],
    [
      'has a type for every field',
      object({ a: {} }),
      'openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields',
    ],
    [
      'has a type for every item',
      object({ a: { type: 'array', items: {} } }),
      'openAPIV3Schema.properties[a].items.type: Required value: must not be empty for specified array items',
    ],
    [
      'keeps types out of anyOf',
      object({ a: { type: 'string', anyOf: [{ type: 'string' }] } }),
      'openAPIV3Schema.properties[a].anyOf[0].type: Forbidden: must be empty to be structural',
    ],
    [
      'keeps defaults out of not',
      object({ a: { type: 'string', not: { default: 'x' } } }),
      'openAPIV3Schema.properties[a].not.default: Forbidden: must be empty to be structural',
    ],
    [
      'has no $ref',
      object({ a: { type: 'object', $ref: '#/x' } }),
      'openAPIV3Schema.properties[a].$ref: Forbidden: $ref is not supported',
    ],
    [
      'has either properties or additionalProperties',
      object({ a: object({}, { additionalProperties: { type: 'string' } }) }),
      'additionalProperties and properties are mutual exclusive',
    ],
    [
      'has no uniqueItems',
      object({ a: { type: 'array', items: { type: 'string' }, uniqueItems: true } }),
      'uniqueItems cannot be set to true',
    ],
    [
      'names the keys of map lists',
      object({ a: { type: 'array', items: object({}), 'x-kubernetes-list-type': 'map' } }),
      'x-kubernetes-list-map-keys: Required value',
    ],
    ['has readable patterns', object({ a: { type: 'string', pattern: '(' } }), 'must be a valid regular expression'],
    [
      'has no look-ahead, which Go lacks',
      object({ a: { type: 'string', pattern: '^(?!x)' } }),
      'must be a valid regular expression',
    ],
  ])('%s', (_rule, source, message) => {
    const result = compileSchema(source);
    expect(result.ok ? '' : formatCauses(result.error)).toContain(message);
  });

  it('may name both types of an int-or-string', () => {
    expect(
      compileSchema(
        object({ port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] } }),
      ).ok,
    ).toBe(true);
  });
});

describe('validation of a custom resource', () => {
  const spec: JsonObject = object(
    {
      replicas: { type: 'integer', minimum: 1, maximum: 10 },
      cron: { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' },
      mode: { type: 'string', enum: ['A', 'B'] },
      name: { type: 'string', minLength: 2, maxLength: 4 },
      hosts: { type: 'array', minItems: 1, maxItems: 2, items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      ip: { type: 'string', format: 'ipv4' },
      since: { type: 'string', format: 'date-time' },
      port: { 'x-kubernetes-int-or-string': true },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      choice: {
        type: 'object',
        properties: { a: { type: 'string' }, b: { type: 'string' } },
        oneOf: [{ required: ['a'] }, { required: ['b'] }],
      },
      maybe: { type: 'string', nullable: true },
      ratio: { type: 'number', exclusiveMinimum: true, minimum: 0 },
    },
    { required: ['cron'] },
  );
  const schema = compiled(object({ spec }));
  const cron = '* * * * */5';

  it.each<[JsonObject, string]>([
    [{}, 'spec.cron: Required value'],
    [
      { cron, replicas: 15 },
      'spec.replicas: Invalid value: 15: spec.replicas in body should be less than or equal to 10',
    ],
    [
      { cron, replicas: 'x' },
      'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
    ],
    [
      { cron, replicas: 1.5 },
      'spec.replicas: Invalid value: "number": spec.replicas in body must be of type integer: "number"',
    ],
    [
      { cron: '* * * *' },
      `spec.cron: Invalid value: "* * * *": spec.cron in body should match '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$'`,
    ],
    [{ cron, mode: 'C' }, 'spec.mode: Unsupported value: "C": supported values: "A", "B"'],
    [{ cron, name: 'a' }, 'spec.name: Invalid value: "a": spec.name in body should be at least 2 chars long'],
    [{ cron, name: 'abcde' }, 'spec.name: Too long: may not be more than 4 bytes'],
    [{ cron, hosts: [] }, 'spec.hosts: Invalid value: 0: spec.hosts in body should have at least 1 items'],
    [{ cron, hosts: ['a', 'b', 'c'] }, 'spec.hosts: Too many: 3: must have at most 2 items'],
    [{ cron, hosts: ['a', 'a'] }, 'spec.hosts[1]: Duplicate value: "a"'],
    [{ cron, ip: '1.2.3' }, 'spec.ip: Invalid value: "1.2.3": spec.ip in body must be of type ipv4: "1.2.3"'],
    [
      { cron, since: 'yesterday' },
      'spec.since: Invalid value: "yesterday": spec.since in body must be of type date-time: "yesterday"',
    ],
    [
      { cron, port: true },
      'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
    ],
    [
      { cron, labels: { a: 1 } },
      'spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"',
    ],
    [
      { cron, choice: {} },
      'spec.choice: Invalid value: "object": spec.choice in body must validate one and only one schema (oneOf). Found none valid',
    ],
    [{ cron, choice: { a: 'x', b: 'y' } }, 'must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    [{ cron: null }, 'spec.cron: Invalid value: "null": spec.cron in body must be of type string: "null"'],
    [{ cron, ratio: 0 }, 'spec.ratio: Invalid value: 0: spec.ratio in body should be greater than 0'],
  ])('%j: %s', (value, message) => {
    expect(formatCauses(validateValue(schema, { spec: value }))).toContain(message);
  });

  it('accepts what fits', () => {
    const value = {
      cron,
      replicas: 1,
      hosts: ['a'],
      ip: '10.0.0.1',
      since: '2026-01-02T03:04:05Z',
      port: 'http',
      labels: { a: 'b' },
      choice: { a: 'x' },
      maybe: null,
      ratio: 0.5,
    };
    expect(validateValue(schema, { spec: value })).toEqual([]);
  });
});

describe('rules in CEL', () => {
  const schema = compiled(
    object({
      spec: object(
        {
          min: { type: 'integer' },
          max: { type: 'integer' },
          host: {
            type: 'string',
            'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'host is immutable' }],
          },
          rules: {
            type: 'array',
            items: object({ name: { type: 'string' }, match: object({ path: { type: 'string' } }) }),
            'x-kubernetes-validations': [
              { rule: 'self.size() == 0 || has(self[0].match)', message: 'the first rule must match something' },
            ],
          },
        },
        {
          'x-kubernetes-validations': [
            { rule: 'self.min <= self.max', messageExpression: "'min ' + string(self.min) + ' is above max'" },
          ],
        },
      ),
    }),
  );

  it.each<[JsonObject, string]>([
    [{ min: 3, max: 1 }, 'spec: Invalid value: "object": min 3 is above max'],
    [
      { min: 1, max: 1, rules: [{ name: 'a' }] },
      'spec.rules: Invalid value: "array": the first rule must match something',
    ],
    [{ min: 1 }, 'spec: Invalid value: "object": rule evaluation error: No such key: max'],
  ])('%j: %s', (spec, message) => {
    expect(formatCauses(validateValue(schema, { spec }))).toBe(message);
  });

  it('a transition rule only judges updates', () => {
    const spec = { min: 1, max: 2, host: 'b' };
    expect(validateValue(schema, { spec })).toEqual([]);
    expect(formatCauses(validateValue(schema, { spec }, '', { spec: { ...spec, host: 'a' } }))).toBe(
      'spec.host: Invalid value: "string": host is immutable',
    );
  });

  it('a rule with an unknown function is accepted with a warning and holds', () => {
    const source = object({ a: { type: 'string', 'x-kubernetes-validations': [{ rule: 'authorizer.magic(self)' }] } });
    const { causes, warnings } = checkCrd(crd(source));
    expect(causes).toEqual([]);
    expect(warnings[0]).toContain('is accepted but not evaluated');
    expect(validateValue(compiled(source), { a: 'x' })).toEqual([]);
  });
});

describe('pruning', () => {
  const schema = compiled(
    object({
      spec: object({
        known: { type: 'string' },
        list: { type: 'array', items: object({ a: { type: 'string' } }) },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        map: { type: 'object', additionalProperties: object({ b: { type: 'string' } }) },
      }),
    }),
  );

  it('drops unknown fields and tells their paths', () => {
    const result = prune(schema, {
      apiVersion: 'g/v1',
      kind: 'K',
      metadata: { name: 'n', bogus: 1 },
      extra: 1,
      spec: {
        known: 'a',
        other: 1,
        list: [{ a: 'x', z: 1 }],
        free: { any: { thing: 1 } },
        map: { k: { b: 'y', c: 1 } },
      },
    });
    expect(result.pruned).toEqual(['metadata.bogus', 'extra', 'spec.other', 'spec.list[0].z', 'spec.map.k.c']);
    expect(result.object).toEqual({
      apiVersion: 'g/v1',
      kind: 'K',
      metadata: { name: 'n' },
      spec: { known: 'a', list: [{ a: 'x' }], free: { any: { thing: 1 } }, map: { k: { b: 'y' } } },
    });
  });
});

describe('defaulting', () => {
  const schema = compiled(
    object({
      spec: object({
        replicas: { type: 'integer', default: 1 },
        mode: object({ kind: { type: 'string', default: 'A' } }, { default: {} }),
        list: { type: 'array', items: object({ p: { type: 'string', default: 'TCP' } }) },
        maybe: { type: 'string', nullable: true, default: 'x' },
        dropped: { type: 'string' },
      }),
    }),
  );

  it.each<[string, JsonObject, JsonObject]>([
    ['fills absent fields, in defaults too', {}, { replicas: 1, mode: { kind: 'A' }, maybe: 'x' }],
    ['fills items', { list: [{}] }, { list: [{ p: 'TCP' }], replicas: 1, mode: { kind: 'A' }, maybe: 'x' }],
    [
      'null without nullable gives way to the default',
      { replicas: null },
      { replicas: 1, mode: { kind: 'A' }, maybe: 'x' },
    ],
    ['null with nullable stays', { maybe: null }, { replicas: 1, mode: { kind: 'A' }, maybe: null }],
    [
      'null without default and nullable is dropped',
      { dropped: null },
      { replicas: 1, mode: { kind: 'A' }, maybe: 'x' },
    ],
  ])('%s', (_rule, spec, expected) => {
    expect(applySchemaDefaults(schema, { spec })).toEqual({ spec: expected });
  });

  it('does not invent the parent of a default', () => {
    expect(applySchemaDefaults(schema, {})).toEqual({});
  });
});

describe('a CustomResourceDefinition', () => {
  const good = object({ spec: object({ a: { type: 'string' } }) });

  it.each<[string, JsonObject, string]>([
    [
      'is named plural.group',
      { ...crd(good), metadata: { name: 'x' } },
      'metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group',
    ],
    [
      'needs a schema',
      crd(good, { schema: {} }),
      'spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required',
    ],
    [
      'has exactly one storage version',
      crd(good, { storage: false }),
      'must have exactly one version marked as storage version',
    ],
    [
      'has valid defaults',
      crd(object({ a: { type: 'string', default: 1 } })),
      'spec.versions[0].schema.openAPIV3Schema.properties[a].default: Invalid value: "integer"',
    ],
    [
      'scales by a path below spec',
      crd(good, { subresources: { scale: { specReplicasPath: '.status.x', statusReplicasPath: '.status.y' } } }),
      'should be a json path under .spec',
    ],
    [
      'asks only for name and generateName in metadata',
      crd(object({ metadata: object({ labels: { type: 'object' } }) })),
      'must not specify anything other than name and generateName',
    ],
    [
      'prints columns of known types',
      crd(good, { additionalPrinterColumns: [{ name: 'A', type: 'money', jsonPath: '.spec.a' }] }),
      'must be one of boolean,date,integer,number,string',
    ],
  ])('%s', (_rule, source, message) => {
    expect(formatCauses(checkCrd(source).causes)).toContain(message);
  });

  it('becomes a served resource with its names, subresources and columns', () => {
    const [resource] = resourcesOfCrd(
      crd(good, {
        subresources: { status: {} },
        additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.spec.a' }],
      }),
    );
    expect(resource).toMatchObject({
      group: 'stable.example.com',
      version: 'v1',
      plural: 'crontabs',
      shortNames: ['ct'],
      namespaced: true,
      custom: true,
    });
    expect(resource?.subresources.map((item) => item.name)).toEqual(['status']);
    expect(
      validateObject(resource!, {
        apiVersion: 'stable.example.com/v1',
        kind: 'CronTab',
        metadata: { name: 'a' },
        spec: { a: 1 },
      }).causes,
    ).toHaveLength(1);
  });
});

describe('properties', () => {
  const anySchema = fc.letrec((tie) => ({
    schema: fc.record(
      {
        type: fc.constantFrom('object', 'array', 'string', 'integer', 'boolean', 'number', 'nonsense'),
        properties: fc.dictionary(fc.string(), tie('schema'), { maxKeys: 3 }),
        items: fc.oneof(tie('schema'), fc.anything()),
        default: fc.jsonValue(),
        pattern: fc.string(),
        required: fc.anything(),
        enum: fc.anything(),
        'x-kubernetes-list-type': fc.constantFrom('map', 'set', 'x'),
        'x-kubernetes-validations': fc.anything(),
        anyOf: fc.anything(),
      },
      { requiredKeys: [] },
    ),
  })).schema;

  it('whatever is written as a CRD or a schema, nothing throws', () => {
    fc.assert(
      fc.property(anySchema, fc.jsonValue(), (schema, value) => {
        const definition = crd(schema);
        checkCrd(definition);
        for (const resource of resourcesOfCrd(definition)) {
          const document = { metadata: { name: 'a' }, spec: value };
          if (resource.schema !== undefined) prune(resource.schema, document);
          validateObject(resource, defaultObject(resource, document));
        }
      }),
    );
    fc.assert(
      fc.property(fc.object(), (definition) => {
        checkCrd(definition);
        resourcesOfCrd(definition);
      }),
    );
  });

  it('pruning and defaulting twice is the same as once', () => {
    fc.assert(
      fc.property(anySchema, fc.object(), (source, value) => {
        const result = compileSchema(source);
        if (!result.ok) return;
        const once = prune(result.value, applySchemaDefaults(result.value, value as JsonObject));
        const twice = prune(result.value, applySchemaDefaults(result.value, once.object));
        expect(twice.pruned).toEqual([]);
        expect(twice.object).toEqual(once.object);
      }),
    );
  });
});
