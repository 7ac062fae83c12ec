import type { Namespace, Pod } from '@weft/kube';
import { captureOptions, isSelected, isTerminal, podIps } from './eligibility.js';

const EXCLUDED = new Set(['kube-system']);
const namespace = (mode?: string): Namespace => ({
  metadata: { name: 'shop', labels: mode === undefined ? {} : { 'istio.io/dataplane-mode': mode } },
});
const pod = (
  overrides: {
    mode?: string;
    annotations?: Record<string, string>;
    hostNetwork?: boolean;
    namespace?: string;
    status?: object;
  } = {},
): Pod =>
  ({
    metadata: {
      namespace: overrides.namespace ?? 'shop',
      name: 'web',
      labels: overrides.mode === undefined ? {} : { 'istio.io/dataplane-mode': overrides.mode },
      annotations: overrides.annotations ?? {},
    },
    spec: { hostNetwork: overrides.hostNetwork ?? false },
    status: overrides.status ?? {},
  }) as unknown as Pod;

describe('a pod is selected', () => {
  it.each([
    ['when its namespace is ambient', {}, 'ambient', true],
    ['not, when its namespace is not', {}, undefined, false],
    ['not, when it opts out itself', { mode: 'none' }, 'ambient', false],
    ['when it opts in itself', { mode: 'ambient' }, undefined, true],
    ['not, on the network of its node', { hostNetwork: true }, 'ambient', false],
    ['not, when it has a sidecar', { annotations: { 'sidecar.istio.io/status': '{}' } }, 'ambient', false],
    ['not, in an excluded namespace', { namespace: 'kube-system', mode: 'ambient' }, 'ambient', false],
    ['not, when the namespace has another mode', {}, 'sidecar', false],
  ])('%s', (_when, overrides, mode, want) => {
    expect(isSelected(pod(overrides), namespace(mode), EXCLUDED)).toBe(want);
  });
  it('not, when nothing is known of its namespace', () => expect(isSelected(pod(), undefined, EXCLUDED)).toBe(false));
});

it('a pod that has ended for good is terminal', () => {
  expect(
    ['Pending', 'Running', 'Succeeded', 'Failed'].filter((phase) => isTerminal(pod({ status: { phase } }))),
  ).toEqual(['Succeeded', 'Failed']);
});

it('annotations of a pod overrule the default capture, and an impossible interface name is left out', () => {
  const annotations = {
    'ambient.istio.io/dns-capture': 'false',
    'ambient.istio.io/bypass-inbound-capture': 'true',
    'istio.io/reroute-virtual-interfaces': 'vmtap0, ;rm -rf, tap1',
  };
  expect(captureOptions(pod({ annotations }), true)).toEqual({
    dnsCapture: false,
    bypassInbound: true,
    virtualInterfaces: ['vmtap0', 'tap1'],
  });
  expect(captureOptions(pod(), true)).toEqual({ dnsCapture: true, bypassInbound: false, virtualInterfaces: [] });
});

it('podIps are all of a dual-stack pod, or the one of an old status', () => {
  expect(podIps(pod({ status: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] } }))).toEqual([
    '10.0.0.1',
    'fd00::1',
  ]);
  expect(podIps(pod({ status: { podIP: '10.0.0.1' } }))).toEqual(['10.0.0.1']);
  expect(podIps(pod())).toEqual([]);
});
