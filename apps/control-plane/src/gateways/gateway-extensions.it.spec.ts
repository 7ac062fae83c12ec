import { EDGE } from '../testing/gateway/gateway-rig.js';
import { useGateway } from '../testing/gateway/use-gateway.js';
import { object, SHOP } from '../testing/proxy/mesh-objects.js';

const { rig, routed, expectAnswers } = useGateway();

const GATEWAY = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: EDGE }];
const adding = (name: string, spec: object) =>
  object({
    apiVersion: 'extensions.istio.io/v1alpha1',
    kind: 'TrafficExtension',
    metadata: { name, namespace: SHOP },
    spec: {
      lua: { inlineCode: `function envoy_on_request(handle) handle:headers():add("x-lua", "${name}") end` },
      ...spec,
    },
  });

describe('extensions at gateways at the edge', () => {
  it('are attached by reference, or by the labels of their pods; mode SERVER and other ports are not for them', async () => {
    const labels = (name: string) => ({ matchLabels: { 'gateway.networking.k8s.io/gateway-name': name } });
    await rig().apply(
      adding('a', { targetRefs: GATEWAY, phase: 'AUTHN', match: [{ mode: 'CLIENT' }] }),
      adding('b', { selector: labels(EDGE), match: [{ ports: [{ number: 80 }] }] }),
      adding('c', { targetRefs: GATEWAY, match: [{ mode: 'SERVER' }] }),
      adding('d', { targetRefs: GATEWAY, match: [{ ports: [{ number: 8080 }] }] }),
      adding('e', { selector: labels('other') }),
      adding('f', { priority: -1 }),
    );
    const host = await routed([{ backendRefs: [{ name: 'echo-v1', port: 80 }] }]);
    await expectAnswers(host, [['/', { server: 'v1', seen: { 'x-lua': 'a,b,f' } }]]);
  });
});
