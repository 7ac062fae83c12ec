import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { builtinSchema } from '../builtin/builtin-schema.js';
import { equalJson, isObject, type JsonObject } from '../json.js';
import { jsonPatch } from './json-patch.js';
import { mergePatch } from './merge-patch.js';
import { strategicMerge } from './strategic-merge.js';

const DEPLOYMENT = builtinSchema({ group: 'apps', version: 'v1', kind: 'Deployment' })!;

const container = (name: string, more: JsonObject = {}): JsonObject => ({ name, image: `${name}:1`, ...more });
const deployment = (podSpec: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', ...metadata },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: podSpec },
  },
});
const podPatch = (spec: JsonObject): JsonObject => ({ spec: { template: { spec } } });

/** kubectl fills in empty structs and null timestamps; none of these carries a meaning here. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutEmpty(item));
  if (!isObject(value)) return value;
  const entries = Object.entries(value)
    .map(([key, item]) => [key, withoutEmpty(item)] as const)
    .filter(
      ([, item]) =>
        item !== null &&
        !(isObject(item) && Object.keys(item).length === 0) &&
        !(Array.isArray(item) && item.length === 0),
    );
  return Object.fromEntries(entries);
}

describe('against kubectl patch --local', () => {
  let folder = '';
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'weft-patch-'))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function kubectl(type: 'strategic' | 'json' | 'merge', original: JsonObject, patch: unknown): JsonObject | null {
    const file = join(folder, 'original.json');
    const patchFile = join(folder, 'patch.json');
    writeFileSync(file, JSON.stringify(original));
    writeFileSync(patchFile, JSON.stringify(patch));
    const run = spawnSync(
      'kubectl',
      ['patch', '--local', '-f', file, '--type', type, '--patch-file', patchFile, '-o', 'json'],
      {
        encoding: 'utf8',
        env: { ...process.env, KUBECONFIG: '/dev/null' },
        timeout: 20_000,
      },
    );
    return run.status === 0 ? (JSON.parse(run.stdout) as JsonObject) : null;
  }

  function expectStrategicAgrees(original: JsonObject, patch: JsonObject): void {
    const theirs = kubectl('strategic', original, patch);
    const ours = strategicMerge(DEPLOYMENT, original, patch);
    expect(withoutEmpty(ours.ok ? ours.value : null)).toEqual(withoutEmpty(theirs));
  }

  const base = deployment({
    containers: [
      container('a', { env: [{ name: 'X', value: '1' }], ports: [{ containerPort: 80, name: 'http' }] }),
      container('b', { args: ['--one', '--two'] }),
    ],
    volumes: [{ name: 'data', emptyDir: {} }],
    tolerations: [{ key: 'k', operator: 'Exists' }],
    nodeSelector: { disk: 'ssd' },
    hostAliases: [{ ip: '1.2.3.4', hostnames: ['x'] }],
  });

  it.each<[string, JsonObject]>([
    ['a list with a merge key merges by that key', podPatch({ containers: [{ name: 'a', image: 'a:2' }] })],
    ['a new element is put in front', podPatch({ containers: [{ name: 'c', image: 'c:1' }] })],
    ['nested lists merge too', podPatch({ containers: [{ name: 'a', env: [{ name: 'Y', value: '2' }] }] })],
    ['a list without merge key is replaced', podPatch({ tolerations: [{ key: 'z', operator: 'Exists' }] })],
    ['a scalar list without merge strategy is replaced', podPatch({ containers: [{ name: 'b', args: ['--three'] }] })],
    ['null deletes a field', podPatch({ nodeSelector: null })],
    ['$patch: delete removes one element', podPatch({ containers: [{ name: 'b', $patch: 'delete' }] })],
    ['$patch: replace replaces the list', podPatch({ containers: [{ name: 'z', image: 'z' }, { $patch: 'replace' }] })],
    ['$patch: replace replaces a map', podPatch({ nodeSelector: { $patch: 'replace', zone: 'a' } })],
    ['$patch: delete empties a map', { metadata: { labels: { $patch: 'delete' } } }],
    [
      '$retainKeys clears the other union members',
      podPatch({ volumes: [{ name: 'data', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] }),
    ],
    ['$setElementOrder reorders', podPatch({ '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] })],
    [
      '$setElementOrder places an added element',
      podPatch({
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'n' }, { name: 'a' }],
        containers: [{ name: 'n', image: 'n' }],
      }),
    ],
    ['a list element without its merge key is refused', podPatch({ containers: [{ image: 'x' }] })],
    ['an unknown directive is refused', podPatch({ containers: [{ name: 'a', $patch: 'explode' }] })],
    [
      'a wrong $setElementOrder is refused',
      podPatch({ '$setElementOrder/containers': [{ name: 'b' }], containers: [{ name: 'n', image: 'n' }] }),
    ],
    [
      'hostAliases merge by ip',
      podPatch({
        hostAliases: [
          { ip: '1.2.3.4', hostnames: ['y'] },
          { ip: '5.6.7.8', hostnames: ['z'] },
        ],
      }),
    ],
    [
      'nulls in a new map are dropped',
      podPatch({ affinity: { nodeAffinity: null, podAffinity: {} }, securityContext: { runAsUser: null, fsGroup: 1 } }),
    ],
  ])('%s', (_rule, patch) => {
    expectStrategicAgrees(base, patch);
  });

  it('finalizers are a set: adds once, $deleteFromPrimitiveList takes away', () => {
    const original = deployment({ containers: [container('a')] }, { finalizers: ['x/a', 'x/b'] });
    expectStrategicAgrees(original, { metadata: { finalizers: ['x/c', 'x/a'] } });
    expectStrategicAgrees(original, { metadata: { '$deleteFromPrimitiveList/finalizers': ['x/a'] } });
    expectStrategicAgrees(original, {
      metadata: {
        '$deleteFromPrimitiveList/finalizers': ['x/a'],
        '$setElementOrder/finalizers': ['x/c', 'x/b'],
        finalizers: ['x/c'],
      },
    });
  });

  it('random patches of containers give what kubectl gives', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const env = fc.uniqueArray(fc.record({ name: fc.constantFrom('X', 'Y', 'Z'), value: fc.constantFrom('1', '2') }), {
      selector: (item) => item.name,
    });
    const containers = fc.uniqueArray(fc.record({ name, image: fc.constantFrom('i:1', 'i:2'), env }), {
      minLength: 1,
      selector: (item) => item.name,
    });
    const patched = fc.uniqueArray(
      fc.oneof(
        { weight: 3, arbitrary: fc.record({ name, env }, { requiredKeys: ['name'] }) },
        { weight: 1, arbitrary: fc.record({ name, $patch: fc.constant('delete') }) },
      ),
      { selector: (item) => item.name },
    );
    fc.assert(
      fc.property(
        containers,
        patched,
        fc.shuffledSubarray(['a', 'b', 'c', 'd']),
        fc.boolean(),
        (before, after, order, ordered) => {
          const patch =
            ordered && order.length > 0
              ? { containers: after, '$setElementOrder/containers': order.map((item) => ({ name: item })) }
              : { containers: after };
          expectStrategicAgrees(deployment({ containers: before }), podPatch(patch));
        },
      ),
      { numRuns: Number(process.env['WEFT_ORACLE_RUNS'] ?? 15) },
    );
  });

  it.each<[string, unknown]>([
    [
      'add at the end of a list',
      [{ op: 'add', path: '/spec/template/spec/containers/-', value: { name: 'z', image: 'z' } }],
    ],
    ['replace', [{ op: 'replace', path: '/spec/replicas', value: 5 }]],
    ['remove', [{ op: 'remove', path: '/spec/template/spec/nodeSelector' }]],
    [
      'test that holds, then replace',
      [
        { op: 'test', path: '/spec/replicas', value: 2 },
        { op: 'replace', path: '/spec/replicas', value: 3 },
      ],
    ],
    [
      'test that fails',
      [
        { op: 'test', path: '/spec/replicas', value: 9 },
        { op: 'replace', path: '/spec/replicas', value: 3 },
      ],
    ],
    ['copy', [{ op: 'copy', from: '/spec/template/metadata/labels', path: '/metadata/labels' }]],
    [
      'move',
      [{ op: 'move', from: '/spec/template/metadata/labels/app', path: '/spec/template/metadata/labels/ap~1p' }],
    ],
    ['remove of a missing field', [{ op: 'remove', path: '/spec/paused' }]],
    ['replace of a missing field', [{ op: 'replace', path: '/metadata/labels', value: {} }]],
    ['add below a missing parent', [{ op: 'add', path: '/metadata/labels/a', value: 'b' }]],
  ])('JSON patch: %s', (_rule, patch) => {
    const ours = jsonPatch(base, patch);
    expect(withoutEmpty(ours.ok ? ours.value : null)).toEqual(withoutEmpty(kubectl('json', base, patch)));
  });

  it('merge patch replaces lists whole', () => {
    const patch = podPatch({ containers: [{ name: 'z', image: 'z' }], nodeSelector: null });
    expect(withoutEmpty(mergePatch(base, patch))).toEqual(withoutEmpty(kubectl('merge', base, patch)));
  });
});

describe('JSON patch', () => {
  it.each([
    {},
    'x',
    [1],
    [{ op: 'explode', path: '/a' }],
    [{ op: 'add', path: '/a' }],
    [{ op: 'add', path: 'a', value: 1 }],
    [{ op: 'move', path: '/a' }],
  ])('refuses %j as malformed (400)', (patch) => {
    expect(jsonPatch({}, patch)).toMatchObject({ ok: false, error: { status: 400 } });
  });

  it('is all or nothing and leaves its input alone', () => {
    const document = { a: 1 };
    expect(
      jsonPatch(document, [
        { op: 'replace', path: '/a', value: 2 },
        { op: 'test', path: '/a', value: 3 },
      ]),
    ).toMatchObject({
      ok: false,
      error: { status: 422 },
    });
    expect(document).toEqual({ a: 1 });
  });

  it('does not reach into prototypes', () => {
    expect(jsonPatch({}, [{ op: 'add', path: '/__proto__/polluted', value: true }]).ok).toBe(false);
    expect(({} as JsonObject)['polluted']).toBeUndefined();
  });
});

describe('RFC 7386', () => {
  it.each<[unknown, JsonObject, JsonObject]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [['a', 'b'], { a: 'b' }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j gives %j', (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected);
  });

  /** The merge patch that turns `from` into `to`. */
  function diff(from: JsonObject, to: JsonObject): JsonObject {
    const patch: JsonObject = {};
    for (const key of Object.keys(from)) if (!Object.hasOwn(to, key)) patch[key] = null;
    for (const [key, value] of Object.entries(to)) {
      const before = Object.hasOwn(from, key) ? from[key] : undefined;
      if (equalJson(before, value)) continue;
      patch[key] = isObject(value) ? diff(isObject(before) ? before : {}, value) : value;
    }
    return patch;
  }

  it('the patch of a difference gives the target', () => {
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.array(fc.integer()));
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.dictionary(key, fc.oneof({ maxDepth: 4 }, leaf, tie('tree'))),
    }));
    fc.assert(
      fc.property(tree, tree, (from, to) => {
        expect(mergePatch(from, diff(from as JsonObject, to as JsonObject))).toEqual(to);
      }),
    );
  });
});

describe('properties', () => {
  it('strategic merge of anything never throws and never changes its inputs', () => {
    fc.assert(
      fc.property(fc.object(), fc.object(), (original, patch) => {
        const before = JSON.stringify([original, patch]);
        strategicMerge(DEPLOYMENT, original, patch);
        expect(JSON.stringify([original, patch])).toBe(before);
      }),
    );
  });

  it('an empty strategic patch changes nothing', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (original) =>
        equalJson(original, jsonOf(strategicMerge(DEPLOYMENT, original as JsonObject, {}))),
      ),
    );
  });

  const jsonOf = (result: { readonly ok: boolean; readonly value?: JsonObject }) =>
    result.ok ? result.value : undefined;
});
