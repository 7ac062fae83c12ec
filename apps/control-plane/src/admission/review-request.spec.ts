import { reviewRequest } from './review-request.js';

const envoyFilter = (value: object) => ({
  uid: 'a',
  operation: 'CREATE',
  object: {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name: 'a', namespace: 'shop' },
    spec: { configPatches: [{ applyTo: 'CLUSTER', patch: { operation: 'ADD', value } }] },
  },
});

describe('the review of an EnvoyFilter', () => {
  it('refuses a value that is not the message that it must be', () => {
    const { allowed, status } = reviewRequest(envoyFilter({ nome: 'x' }));
    expect(allowed).toBe(false);
    expect(status?.message).toContain(
      'spec.configPatches[0].patch.value: cannot decode message envoy.config.cluster.v3.Cluster from JSON: key "nome" is unknown; ' +
        'write it as envoy.config.cluster.v3.Cluster of Envoy has it',
    );
  });

  it('lets the others through', () => {
    expect(reviewRequest(envoyFilter({ name: 'x' })).allowed).toBe(true);
  });
});
