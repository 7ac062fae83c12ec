import { formatProblem } from './field-problem.js';
import { kindOfObject, validateObject } from './validate-object.js';

const object = (more: object = {}, metadata: object = {}) => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'x', namespace: 'ns', ...metadata },
  spec: {},
  ...more,
});
const errorsOf = (value: { apiVersion: string; kind: string }) =>
  validateObject(value, kindOfObject(value)!).errors.map(formatProblem);

describe('an object as somebody writes it', () => {
  it('is found by group and kind, in every version', () => {
    expect(kindOfObject({ apiVersion: 'networking.istio.io/v1alpha3', kind: 'Gateway' })?.group).toBe(
      'networking.istio.io',
    );
    expect(kindOfObject({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' })?.group).toBe(
      'gateway.networking.k8s.io',
    );
    expect(kindOfObject({ apiVersion: 'v1', kind: 'Pod' })).toBeUndefined();
    expect(kindOfObject(null)).toBeUndefined();
  });

  it.each<[string, Parameters<typeof errorsOf>[0], string[]]>([
    ['nothing wrong', object(), []],
    ['a name to be generated', object({ metadata: { generateName: 'x-', namespace: 'ns' } }), []],
    [
      'a top-level field that nobody knows',
      object({ data: {} }),
      ['data: unknown field; remove it or fix its spelling; it has no effect'],
    ],
    [
      'an unknown field in the spec',
      object({ spec: { rulez: [] } }),
      ['spec.rulez: unknown field; remove it or fix its spelling; it has no effect'],
    ],
    [
      'an annotation that only the mesh sets',
      object({}, { annotations: { 'internal.istio.io/parents': 'x' } }),
      ['metadata.annotations[internal.istio.io/parents]: is reserved; remove it: the mesh sets it itself'],
    ],
    [
      'a dry run that is no boolean',
      object({}, { annotations: { 'istio.io/dry-run': 'maybe' } }),
      ['metadata.annotations[istio.io/dry-run]: "maybe" is not a boolean; write "true" or "false"'],
    ],
    [
      'a dry run of AUDIT',
      object({ spec: { action: 'AUDIT' } }, { annotations: { 'istio.io/dry-run': 'true' } }),
      [
        'metadata.annotations[istio.io/dry-run]: has no effect with action AUDIT; remove it: only ALLOW and DENY can be tried out',
      ],
    ],
    [
      'a dry run of another kind',
      object({ kind: 'PeerAuthentication' }, { annotations: { 'istio.io/dry-run': 'true' } }),
      [
        'metadata.annotations[istio.io/dry-run]: has no effect on PeerAuthentication; remove it: only an AuthorizationPolicy can be tried out',
      ],
    ],
  ])('%s', (_name, value, errors) => {
    expect(errorsOf(value)).toEqual(errors);
  });
});
