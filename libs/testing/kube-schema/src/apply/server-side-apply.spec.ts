import fc from 'fast-check';
import { builtinSchema } from '../builtin/builtin-schema.js';
import { compileSchema } from '../crd/compile-schema.js';
import { asList, dig, type JsonObject } from '../json.js';
import { resourcesOfCrd } from '../registry/crd-resources.js';
import { FieldSet } from './field-set.js';
import { serverSideApply, type ApplyOutcome } from './server-side-apply.js';
import { trackUpdate } from './track-update.js';

const DEPLOYMENT = builtinSchema({ group: 'apps', version: 'v1', kind: 'Deployment' })!;
const CONFIG_MAP = builtinSchema({ group: '', version: 'v1', kind: 'ConfigMap' })!;
const SERVICE = builtinSchema({ group: '', version: 'v1', kind: 'Service' })!;
const T1 = '2026-01-01T00:00:00Z';
const T2 = '2026-01-01T00:00:10Z';

interface Step {
  readonly schema?: typeof DEPLOYMENT;
  readonly manager: string;
  readonly force?: boolean;
  readonly now?: string;
  readonly subresource?: string;
}

function apply(
  live: JsonObject | null,
  applied: JsonObject,
  { schema = CONFIG_MAP, manager, force = false, now = T1, subresource = '' }: Step,
): ApplyOutcome {
  return serverSideApply({ schema, live, applied, manager, force, now, subresource });
}

function applied(live: JsonObject | null, document: JsonObject, step: Step): JsonObject {
  const outcome = apply(live, document, step);
  if (outcome.outcome !== 'applied') throw new Error(outcome.message);
  return outcome.object;
}

const configMap = (data: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'test-cm', namespace: 'default', ...metadata },
  data,
});

const deployment = (spec: JsonObject): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec,
});
const containers = (...items: readonly JsonObject[]): JsonObject => ({ template: { spec: { containers: items } } });
const owner = (object: JsonObject, manager: string) =>
  asList(dig(object, 'metadata', 'managedFields')).find((entry) => dig(entry, 'manager') === manager) as
    JsonObject | undefined;

describe('server-side apply', () => {
  it('records the applier as owner of what it applied', () => {
    const object = applied(null, configMap({ key: 'some value' }, { labels: { 'test-label': 'test' } }), {
      manager: 'kubectl',
    });
    expect(dig(object, 'metadata', 'managedFields')).toEqual([
      {
        manager: 'kubectl',
        operation: 'Apply',
        apiVersion: 'v1',
        time: T1,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:metadata': { 'f:labels': { 'f:test-label': {} } }, 'f:data': { 'f:key': {} } },
      },
    ]);
  });

  it('the field sets of list elements are named by their keys', () => {
    const object = applied(null, deployment(containers({ name: 'a', image: 'i', ports: [{ containerPort: 80 }] })), {
      schema: DEPLOYMENT,
      manager: 'm',
    });
    expect(owner(object, 'm')?.['fieldsV1']).toEqual({
      'f:spec': {
        'f:template': {
          'f:spec': {
            'f:containers': {
              'k:{"name":"a"}': {
                '.': {},
                'f:name': {},
                'f:image': {},
                'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
              },
            },
          },
        },
      },
    });
  });

  it('refuses to change a field that another manager owns, and says whose it is', () => {
    const live = applied(null, configMap({ key: 'a' }), { manager: 'one' });
    expect(apply(live, configMap({ key: 'b' }), { manager: 'two' })).toEqual({
      outcome: 'conflict',
      message: 'Apply failed with 1 conflict: conflict with "one": .data.key',
      causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.key' }],
    });
  });

  it('names every conflict, by manager, with the version of updaters', () => {
    const created = trackUpdate({
      schema: DEPLOYMENT,
      before: null,
      after: deployment({ replicas: 1, paused: true }),
      manager: 'kubectl-create',
      now: T1,
    });
    const live = applied(created, deployment({ revisionHistoryLimit: 3 }), { schema: DEPLOYMENT, manager: 'ops' });
    const outcome = apply(live, deployment({ replicas: 2, paused: false, revisionHistoryLimit: 4 }), {
      schema: DEPLOYMENT,
      manager: 'me',
    });
    expect(outcome).toMatchObject({
      outcome: 'conflict',
      message:
        'Apply failed with 3 conflicts: conflicts with "kubectl-create" using apps/v1:\n- .spec.paused\n- .spec.replicas\nconflicts with "ops":\n- .spec.revisionHistoryLimit',
    });
  });

  it('force takes the field over: the other manager loses it', () => {
    const live = applied(null, configMap({ key: 'a', other: 'x' }), { manager: 'one' });
    const forced = applied(live, configMap({ key: 'b' }), { manager: 'two', force: true });
    expect(forced['data']).toEqual({ key: 'b', other: 'x' });
    expect(owner(forced, 'one')?.['fieldsV1']).toEqual({ 'f:data': { 'f:other': {} } });
    expect(owner(forced, 'two')?.['fieldsV1']).toEqual({ 'f:data': { 'f:key': {} } });
  });

  it('an equal value is shared, not a conflict', () => {
    const live = applied(null, configMap({ key: 'a' }), { manager: 'one' });
    const shared = applied(live, configMap({ key: 'a' }), { manager: 'two' });
    expect(owner(shared, 'one')?.['fieldsV1']).toEqual({ 'f:data': { 'f:key': {} } });
    expect(owner(shared, 'two')?.['fieldsV1']).toEqual({ 'f:data': { 'f:key': {} } });
  });

  it('a field that a manager applies no longer is removed', () => {
    const live = applied(null, configMap({ a: '1', b: '2' }), { manager: 'one' });
    expect(applied(live, configMap({ a: '1' }), { manager: 'one' })['data']).toEqual({ a: '1' });
  });

  it('a shared field stays until its last owner lets go', () => {
    const first = applied(null, configMap({ a: '1', b: '2' }), { manager: 'one' });
    const shared = applied(first, configMap({ b: '2' }), { manager: 'two' });
    const left = applied(shared, configMap({ a: '1' }), { manager: 'one' });
    expect(left['data']).toEqual({ a: '1', b: '2' });
    expect(applied(left, configMap({}), { manager: 'two' })['data']).toEqual({ a: '1' });
  });

  it('an element of an associative list is removed with its element, others stay in place', () => {
    const live = applied(null, deployment(containers({ name: 'a', image: 'a' }, { name: 'b', image: 'b' })), {
      schema: DEPLOYMENT,
      manager: 'one',
    });
    const injected = applied(live, deployment(containers({ name: 'proxy', image: 'p' })), {
      schema: DEPLOYMENT,
      manager: 'injector',
    });
    const shrunk = applied(injected, deployment(containers({ name: 'b', image: 'b2' })), {
      schema: DEPLOYMENT,
      manager: 'one',
    });
    expect(dig(shrunk, 'spec', 'template', 'spec', 'containers')).toEqual([
      { name: 'b', image: 'b2' },
      { name: 'proxy', image: 'p' },
    ]);
  });

  it('ports with the same number and different protocol are different elements; protocol defaults to TCP', () => {
    const service = (ports: readonly JsonObject[]): JsonObject => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'dns' },
      spec: { ports },
    });
    const live = applied(null, service([{ port: 53, protocol: 'UDP', name: 'udp' }]), {
      schema: SERVICE,
      manager: 'one',
    });
    const both = applied(live, service([{ port: 53, name: 'tcp' }]), { schema: SERVICE, manager: 'two' });
    expect(dig(both, 'spec', 'ports')).toEqual([
      { port: 53, protocol: 'UDP', name: 'udp' },
      { port: 53, name: 'tcp' },
    ]);
  });

  it('an atomic list is owned whole: a second applier conflicts', () => {
    const toleration = (key: string): JsonObject => deployment({ template: { spec: { tolerations: [{ key }] } } });
    const live = applied(null, toleration('a'), { schema: DEPLOYMENT, manager: 'one' });
    expect(apply(live, toleration('b'), { schema: DEPLOYMENT, manager: 'two' })).toMatchObject({
      outcome: 'conflict',
      causes: [{ field: '.spec.template.spec.tolerations' }],
    });
  });

  it('finalizers are a set with several owners', () => {
    const live = applied(null, configMap({}, { finalizers: ['x/a'] }), { manager: 'one' });
    const both = applied(live, configMap({}, { finalizers: ['x/b'] }), { manager: 'two' });
    expect(dig(both, 'metadata', 'finalizers')).toEqual(['x/a', 'x/b']);
    expect(owner(both, 'two')?.['fieldsV1']).toEqual({
      'f:data': {},
      'f:metadata': { 'f:finalizers': { 'v:"x/b"': {} } },
    });
    expect(dig(applied(both, configMap({}), { manager: 'one' }), 'metadata', 'finalizers')).toEqual(['x/b']);
  });

  it('applying the same again changes nothing, not even the time', () => {
    const document = configMap({ a: '1' }, { labels: { l: 'v' } });
    const live = applied(null, document, { manager: 'one' });
    expect(apply(live, document, { manager: 'one', now: T2 })).toEqual({
      outcome: 'applied',
      object: live,
      changed: false,
    });
  });

  it('an update takes fields from appliers; the next apply of them conflicts', () => {
    const live = applied(null, configMap({ key: 'a' }), { manager: 'one' });
    const updated = trackUpdate({
      schema: CONFIG_MAP,
      before: live,
      after: { ...live, data: { key: 'z' } },
      manager: 'editor',
      now: T2,
    });
    expect(owner(updated, 'editor')).toMatchObject({
      operation: 'Update',
      time: T2,
      fieldsV1: { 'f:data': { 'f:key': {} } },
    });
    expect(owner(updated, 'one')).toBeUndefined();
    expect(apply(updated, configMap({ key: 'a' }), { manager: 'one' })).toMatchObject({
      outcome: 'conflict',
      message: 'Apply failed with 1 conflict: conflict with "editor" using v1: .data.key',
    });
  });

  it('an update without managedFields of its own keeps the book; an empty entry wipes it', () => {
    const live = applied(null, configMap({ key: 'a' }), { manager: 'one' });
    const plain = trackUpdate({
      schema: CONFIG_MAP,
      before: live,
      after: configMap({ key: 'a', b: '1' }),
      manager: 'editor',
      now: T2,
    });
    expect(owner(plain, 'one')).toBeDefined();
    const wiped = trackUpdate({
      schema: CONFIG_MAP,
      before: live,
      after: configMap({ key: 'a' }, { managedFields: [{}] }),
      manager: 'editor',
      now: T2,
    });
    expect(dig(wiped, 'metadata', 'managedFields')).toBeUndefined();
  });

  it('an object that was never tracked belongs to before-first-apply', () => {
    expect(apply(configMap({ key: 'a' }), configMap({ key: 'b' }), { manager: 'one' })).toMatchObject({
      outcome: 'conflict',
      message: 'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.key',
    });
  });

  it('kubectl may go on from client-side apply without conflict', () => {
    const last = JSON.stringify(configMap({ key: 'a' }));
    const live = trackUpdate({
      schema: CONFIG_MAP,
      before: null,
      after: configMap({ key: 'a' }, { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': last } }),
      manager: 'kubectl-client-side-apply',
      now: T1,
    });
    const object = applied(live, configMap({ key: 'b' }), { manager: 'kubectl' });
    expect(object['data']).toEqual({ key: 'b' });
    expect(
      JSON.parse(dig(object, 'metadata', 'annotations', 'kubectl.kubernetes.io/last-applied-configuration') as string),
    ).toEqual(configMap({ key: 'b' }));
    expect(apply(live, configMap({ key: 'b' }), { manager: 'other' }).outcome).toBe('conflict');
  });

  it('apply to status owns status only, under its subresource', () => {
    const live = applied(null, deployment({ replicas: 1 }), { schema: DEPLOYMENT, manager: 'one' });
    const object = applied(
      live,
      { ...deployment({ replicas: 5 }), status: { readyReplicas: 1 } },
      { schema: DEPLOYMENT, manager: 'controller', subresource: 'status' },
    );
    expect(owner(object, 'controller')).toMatchObject({
      subresource: 'status',
      fieldsV1: { 'f:status': { 'f:readyReplicas': {} } },
    });
  });

  it.each<[string, JsonObject, string]>([
    ['an undeclared field', { ...configMap({}), foo: 1 }, '.foo: field not declared in schema'],
    ['a wrong shape', { ...configMap({}), data: 'x' }, '.data: expected map, got &{"x"}'],
    ['managedFields', configMap({}, { managedFields: [] }), 'metadata.managedFields must be nil'],
    [
      'a duplicate in a set',
      configMap({}, { finalizers: ['a', 'a'] }),
      '.metadata.finalizers: duplicate entries for key [="a"]',
    ],
  ])('rejects %s', (_what, document, message) => {
    expect(apply(null, document, { manager: 'm' })).toMatchObject({
      outcome: 'rejected',
      message: expect.stringContaining(message) as string,
    });
  });

  it('a list element without its key is rejected with the field', () => {
    const outcome = apply(null, deployment(containers({ image: 'x' })), { schema: DEPLOYMENT, manager: 'm' });
    expect(outcome).toMatchObject({
      outcome: 'rejected',
      message: expect.stringContaining(
        '.spec.template.spec.containers: element 0: associative list with keys has an element that omits key field "name"',
      ) as string,
    });
  });

  it('custom resources follow the list markers of their schema, and need none at all', () => {
    const compiled = compileSchema({
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: {
            hosts: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
            ports: {
              type: 'array',
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['number'],
              items: {
                type: 'object',
                required: ['number'],
                properties: { number: { type: 'integer' }, name: { type: 'string' } },
              },
            },
            free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      },
    });
    if (!compiled.ok) throw new Error('schema');
    const schema = compiled.value;
    const resource = (spec: JsonObject): JsonObject => ({
      apiVersion: 'g/v1',
      kind: 'Gateway',
      metadata: { name: 'g' },
      spec,
    });
    const first = applied(
      null,
      resource({ hosts: ['a'], ports: [{ number: 80, name: 'http' }], free: { x: [1], y: { z: 1 } } }),
      { schema, manager: 'one' },
    );
    const second = applied(first, resource({ hosts: ['b'], ports: [{ number: 443 }], free: { y: { w: 2 } } }), {
      schema,
      manager: 'two',
    });
    expect(second['spec']).toEqual({
      hosts: ['a', 'b'],
      ports: [{ number: 80, name: 'http' }, { number: 443 }],
      free: { x: [1], y: { z: 1, w: 2 } },
    });
    const schemaless = serverSideApply({
      schema: undefined,
      live: null,
      applied: resource({ list: [1] }),
      manager: 'm',
      force: false,
      now: T1,
    });
    expect(schemaless).toMatchObject({ outcome: 'applied', changed: true });
  });
});

describe('status', () => {
  const definition = (subresources: JsonObject): JsonObject => ({
    spec: {
      group: 'g.example',
      names: { plural: 'things', kind: 'Thing' },
      versions: [
        {
          name: 'v1',
          served: true,
          subresources,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { status: { type: 'object', properties: { a: { type: 'string' } } } },
            },
          },
        },
      ],
    },
  });

  it.each<[string, JsonObject, JsonObject]>([
    [
      'is owned by an applier of the main resource only where it is an ordinary field',
      {},
      { 'f:status': { 'f:a': {} } },
    ],
    ['is not owned by it where it is a subresource', { status: {} }, {}],
  ])('of a custom resource %s', (_rule, subresources, fields) => {
    const [resource] = resourcesOfCrd(definition(subresources));
    const document = {
      apiVersion: 'g.example/v1',
      kind: 'Thing',
      metadata: { name: 't', labels: { l: 'v' } },
      status: { a: 'x' },
    };
    const object = applied(null, document, { schema: resource!.schema!, manager: 'm' });
    expect(owner(object, 'm')?.['fieldsV1']).toEqual({ 'f:metadata': { 'f:labels': { 'f:l': {} } }, ...fields });
  });
});

describe('managedFields of updates', () => {
  it('are kept for at most ten updaters: the oldest are put together', () => {
    let object = configMap({});
    let before: JsonObject | null = null;
    for (let i = 0; i < 14; i++) {
      const after = { ...object, data: { ...(object['data'] as JsonObject), [`k${i}`]: 'v' } };
      object = trackUpdate({
        schema: CONFIG_MAP,
        before,
        after,
        manager: `m${i}`,
        now: `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`,
      });
      before = object;
    }
    const managers = asList(dig(object, 'metadata', 'managedFields')).map((entry) => dig(entry, 'manager'));
    expect(managers).toHaveLength(10);
    expect(managers).toContain('ancient-changes');
    expect(managers).toContain('m13');
  });
});

describe('properties', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const data = fc.dictionary(key, fc.constantFrom('1', '2'));
  const env = fc.uniqueArray(fc.record({ name: fc.constantFrom('X', 'Y'), value: fc.constantFrom('1', '2') }), {
    selector: (item) => item.name,
  });
  const podSpec = fc
    .uniqueArray(fc.record({ name: key, image: fc.constantFrom('i', 'j'), env }, { requiredKeys: ['name'] }), {
      selector: (item) => item.name,
    })
    .map((items) => deployment(containers(...(items as readonly JsonObject[]))));

  it('field sets survive printing and parsing', () => {
    const name = fc.oneof(fc.string(), fc.constantFrom('.', '__proto__', 'f:x', 'a.b/c'));
    const element = fc.oneof(
      name.map((text) => ({ kind: 'field', name: text }) as const),
      fc
        .dictionary(fc.string({ minLength: 1 }), fc.oneof(fc.string(), fc.integer()))
        .map((keys) => ({ kind: 'key', keys }) as const),
      fc.oneof(fc.string(), fc.integer(), fc.boolean()).map((value) => ({ kind: 'value', value }) as const),
      fc.nat().map((index) => ({ kind: 'index', index }) as const),
    );
    fc.assert(
      fc.property(fc.array(fc.array(element, { minLength: 1, maxLength: 4 }), { maxLength: 8 }), (paths) => {
        const set = FieldSet.of(paths);
        const printed = set.toFieldsV1();
        expect(FieldSet.parse(JSON.parse(JSON.stringify(printed))).equals(set)).toBe(true);
      }),
    );
  });

  it('reading a field set never throws', () => {
    fc.assert(fc.property(fc.anything(), (value) => FieldSet.parse(value) instanceof FieldSet));
  });

  it('apply then apply of the same is no change', () => {
    fc.assert(
      fc.property(podSpec, podSpec, (other, document) => {
        const live = applied(null, other, { schema: DEPLOYMENT, manager: 'other' });
        const once = applied(live, document, { schema: DEPLOYMENT, manager: 'me', force: true });
        expect(apply(once, document, { schema: DEPLOYMENT, manager: 'me', now: T2 })).toMatchObject({ changed: false });
      }),
    );
  });

  it('the only manager gets exactly what it applied last', () => {
    fc.assert(
      fc.property(data, data, (first, second) => {
        const live = applied(null, configMap(first), { manager: 'm' });
        expect(dig(applied(live, configMap(second), { manager: 'm' }), 'data') ?? {}).toEqual(second);
      }),
    );
  });

  it('two appliers of different keys never disturb each other', () => {
    fc.assert(
      fc.property(data, data, data, (mine, theirs, mineLater) => {
        const prefixed = (values: JsonObject, prefix: string) =>
          configMap(Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value])));
        const one = applied(null, prefixed(mine, 'm-'), { manager: 'me' });
        const two = applied(one, prefixed(theirs, 't-'), { manager: 'they' });
        const three = applied(two, prefixed(mineLater, 'm-'), { manager: 'me' });
        expect(dig(three, 'data') ?? {}).toEqual({
          ...(prefixed(mineLater, 'm-')['data'] as JsonObject),
          ...(prefixed(theirs, 't-')['data'] as JsonObject),
        });
      }),
    );
  });

  it('never throws, whatever the documents are', () => {
    fc.assert(
      fc.property(fc.object(), fc.object(), (live, document) => {
        apply(live, { apiVersion: 'apps/v1', ...document }, { schema: DEPLOYMENT, manager: 'm' });
        trackUpdate({ schema: DEPLOYMENT, before: live, after: document, manager: 'm', now: T1 });
      }),
    );
  });
});
