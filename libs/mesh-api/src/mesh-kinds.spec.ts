import { checkCrd } from '@weft/testing-kube-schema';
import fc from 'fast-check';
import { MESH_KINDS, meshCrds } from './mesh-kinds.js';

const crds = meshCrds().map((crd) => [crd.metadata.name, crd] as const);

describe('CustomResourceDefinitions', () => {
  it.each(crds)('%s is structural, its defaults and CEL rules hold', (_name, crd) => {
    const checked = checkCrd(structuredClone(crd) as unknown as Parameters<typeof checkCrd>[0]);
    expect(checked).toEqual({ causes: [], warnings: [] });
  });

  it.each(crds)('%s stores one version and has a status subresource in each', (_name, { spec }) => {
    const versions = spec['versions'] as { name: string; storage: boolean; subresources: unknown }[];
    expect(versions.filter(({ storage }) => storage)).toHaveLength(1);
    for (const { subresources } of versions) expect(subresources).toEqual({ status: {} });
  });

  it('are fresh at each call', () => {
    const [first] = meshCrds();
    (first!.spec as Record<string, unknown>)['scope'] = 'changed';
    expect(meshCrds()[0]!.spec['scope']).toBe('Namespaced');
  });
});

describe('properties', () => {
  it.each(MESH_KINDS.map((kind) => [`${kind.kind}.${kind.group}`, kind] as const))(
    '%s: no parser throws, whatever it is given, and every problem names a field',
    (_name, kind) => {
      const schema = (kind.crd().spec['versions'] as { schema: { openAPIV3Schema: unknown } }[])[0]!.schema
        .openAPIV3Schema;
      fc.assert(
        fc.property(likely(schema), (object) => {
          const { problems } = kind.parse({ ...object, metadata: { name: 'x' } });
          for (const { field, problem, cure } of problems) {
            expect(field).toMatch(/^(spec|metadata)/);
            expect(problem.length * cure.length).toBeGreaterThan(0);
          }
        }),
      );
    },
  );
});

interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly additionalProperties?: Node;
  readonly enum?: readonly unknown[];
}

/** Objects that mostly have the fields of the schema, and now and then something else in their place. */
function likely(schema: unknown): fc.Arbitrary<object> {
  const node = schema as Node;
  const wrong = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom('*', '', '0s', 'a'.repeat(2000), -1, 1e300));
  const of = ({ type, properties = {}, items, additionalProperties, enum: values }: Node): fc.Arbitrary<unknown> => {
    const right: fc.Arbitrary<unknown> =
      values !== undefined
        ? fc.constantFrom(...values)
        : type === 'object'
          ? additionalProperties
            ? fc.dictionary(fc.string({ maxLength: 4 }), of(additionalProperties), { maxKeys: 2 })
            : fc.record(Object.fromEntries(Object.entries(properties).map(([name, child]) => [name, of(child)])), {
                requiredKeys: [],
              })
          : type === 'array'
            ? fc.array(of(items!), { maxLength: 2 })
            : type === 'integer' || type === 'number'
              ? fc.oneof(fc.integer(), fc.integer({ min: 1, max: 600 }), fc.double())
              : type === 'boolean'
                ? fc.boolean()
                : fc.oneof(
                    fc.string(),
                    fc.constantFrom('a', 'a.b', '*.a', '*', '10.0.0.0/8', '5s', 'HTTP', '(', 'mesh'),
                  );
    return fc.oneof({ weight: 20, arbitrary: right }, { weight: 1, arbitrary: wrong });
  };
  return fc.record({ spec: of(node.properties!['spec']!) });
}
