import fc from 'fast-check';
import { strategicMerge } from './strategic-merge.js';

const deployment = {
  spec: {
    template: {
      spec: {
        containers: [{ name: 'istio-proxy', image: 'a', env: [{ name: 'X', value: '1' }], args: ['proxy'] }],
        tolerations: [{ key: 'a' }],
      },
    },
  },
};
const podPatch = (spec: object) => ({ spec: { template: { spec } } });
const podOf = (value: object) => (value as typeof deployment).spec.template.spec;

describe('strategicMerge', () => {
  it('merges containers and their environment by name', () => {
    const merged = strategicMerge(
      deployment,
      podPatch({ containers: [{ name: 'istio-proxy', env: [{ name: 'Y', value: '2' }] }, { name: 'extra' }] }),
    );
    expect(podOf(merged).containers).toEqual([
      {
        name: 'istio-proxy',
        image: 'a',
        env: [
          { name: 'X', value: '1' },
          { name: 'Y', value: '2' },
        ],
        args: ['proxy'],
      },
      { name: 'extra' },
    ]);
  });

  it('replaces lists that have no key', () => {
    const merged = strategicMerge(deployment, podPatch({ tolerations: [{ operator: 'Exists' }] }));
    expect(podOf(merged).tolerations).toEqual([{ operator: 'Exists' }]);
  });

  it('merges the ports of a Service by port', () => {
    const service = { spec: { ports: [{ port: 80, name: 'http' }, { port: 443 }] } };
    expect(strategicMerge(service, { spec: { ports: [{ port: 80, nodePort: 30_080 }] } })).toEqual({
      spec: { ports: [{ port: 80, name: 'http', nodePort: 30_080 }, { port: 443 }] },
    });
  });

  it('removes with null and $patch: delete, and replaces with $patch: replace', () => {
    const removed = strategicMerge(deployment, podPatch({ tolerations: null }));
    expect(podOf(removed).tolerations).toBeUndefined();
    const deleted = strategicMerge(deployment, podPatch({ containers: [{ name: 'istio-proxy', $patch: 'delete' }] }));
    expect(podOf(deleted).containers).toEqual([]);
    const replaced = strategicMerge(deployment, podPatch({ containers: [{ name: 'only' }, { $patch: 'replace' }] }));
    expect(podOf(replaced).containers).toEqual([{ name: 'only' }]);
    expect(strategicMerge({ a: { b: 1, c: 2 } }, { a: { $patch: 'replace', d: 3 } })).toEqual({ a: { d: 3 } });
  });

  it('changes no input, an empty patch changes nothing, and the same patch twice is as once', () => {
    const json = fc.dictionary(
      fc.constantFrom('a', 'containers', 'ports', 'env'),
      fc.oneof(
        fc.integer(),
        fc.constant(null),
        fc.array(
          fc.record({ name: fc.constantFrom('x', 'y'), port: fc.integer({ min: 1, max: 3 }) }, { requiredKeys: [] }),
        ),
        fc.dictionary(fc.constantFrom('a', 'b'), fc.integer()),
      ),
    );
    fc.assert(
      fc.property(json, json, (base, patch) => {
        const before = JSON.stringify([base, patch]);
        const once = strategicMerge(base, patch);
        expect(strategicMerge(base, {})).toEqual(base);
        expect(JSON.stringify([base, patch])).toBe(before);
        // A keyed item that is there twice, or has no key, has no one place to merge into.
        const keyed = Object.values(patch).every((value) => !Array.isArray(value));
        if (keyed) expect(strategicMerge(once, patch)).toEqual(once);
      }),
    );
  });
});
