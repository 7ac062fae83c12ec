import fc from 'fast-check';
import { MeshModel } from '../mesh-model.js';
import { narrower } from './istio-servers.js';

const CONFIG = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  clusterId: 'Kubernetes',
  clusterDomain: 'cluster.local',
  network: '',
  dryRunPoliciesEnabled: false,
};

const edge = (labels: object, infrastructure?: object) => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name: 'edge', namespace: 'ingress', labels },
  spec: {
    gatewayClassName: 'istio',
    listeners: [{ name: 'tcp', port: 9000, protocol: 'TCP' }],
    ...(infrastructure === undefined ? {} : { infrastructure }),
  },
});
const istio = (name: string, selector: object, servers: readonly object[], createdAt = '2026-01-01T00:00:00Z') => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { name, namespace: 'shop', creationTimestamp: createdAt },
  spec: { selector, servers },
});
const http = (number: number) => ({ port: { number, name: `http-${number}`, protocol: 'HTTP' }, hosts: ['*'] });

function modelOf(gateway: object, ...others: readonly ReturnType<typeof istio>[]): MeshModel {
  const model = new MeshModel(CONFIG, ({ thrown }) => {
    throw thrown as Error;
  });
  model.graph.batch(() => {
    model.sources.gatewayClasses.set('istio', {
      kind: 'GatewayClass',
      metadata: { name: 'istio' },
      spec: { controllerName: 'istio.io/gateway-controller' },
    });
    model.sources.gateways.set('ingress/edge', gateway);
    for (const one of others) model.sources.istioGateways.set(`shop/${one.metadata.name}`, one);
  });
  return model;
}
const portsOf = (model: MeshModel): readonly number[] =>
  (model.ingressGateways.get('ingress/edge')?.servers ?? []).map(({ port }) => port);
const faultOf = (model: MeshModel, name: string): string | undefined =>
  model.statuses.get(`Gateway/shop/${name}`)?.condition?.message;

describe("Gateways of Istio's own kind", () => {
  it('select gateways by the labels of their pods: of the infrastructure, else of the Gateway itself, and its name', () => {
    const one = istio('one', { app: 'edge' }, [http(80)]);
    expect(portsOf(modelOf(edge({ app: 'edge' }), one))).toEqual([80]);
    expect(portsOf(modelOf(edge({ app: 'edge' }, { labels: { app: 'other' } }), one))).toEqual([]);
    const named = istio('one', { 'gateway.networking.k8s.io/gateway-name': 'edge' }, [http(80)]);
    expect(portsOf(modelOf(edge({}), named))).toEqual([80]);
  });

  it('the older one opens a port; one that contradicts it is left out and says so', () => {
    const tcp = { port: { number: 80, name: 'tcp', protocol: 'TCP' }, hosts: ['*'] };
    const model = modelOf(
      edge({ app: 'edge' }),
      istio('a-younger', { app: 'edge' }, [tcp, http(81)], '2026-02-01T00:00:00Z'),
      istio('older', { app: 'edge' }, [http(80)]),
    );
    expect(portsOf(model)).toEqual([80, 81]);
    expect(faultOf(model, 'a-younger')).toBe(
      'spec.servers[0].port: 80 already serves HTTP for Gateway shop/older; use another port',
    );
    expect(faultOf(model, 'older')).toBeUndefined();
  });

  it.each([
    [http(9000), 'spec.servers[0].port: 9000 already serves TCP for listener tcp of Gateway edge; use another port'],
    [http(15_021), 'spec.servers[0].port: 15021 already belongs to the proxy itself; use another port'],
    [
      {
        port: { number: 443, name: 'https', protocol: 'HTTPS' },
        hosts: ['*'],
        tls: { mode: 'SIMPLE', serverCertificate: '/a.pem', privateKey: '/a.key' },
      },
      'spec.servers[0].tls: serverCertificate is a file, which is not supported; use credentialName',
    ],
    [
      {
        port: { number: 443, name: 'https', protocol: 'HTTPS' },
        hosts: ['*'],
        tls: { mode: 'SIMPLE', credentialName: 'a', minProtocolVersion: 'TLSV1_3', maxProtocolVersion: 'TLSV1_2' },
      },
      'spec.servers[0].tls: minProtocolVersion TLSV1_3 is newer than TLSV1_2; lower it',
    ],
    [
      {
        port: { number: 443, name: 'https', protocol: 'HTTPS' },
        hosts: ['*'],
        tls: { mode: 'MUTUAL', credentialName: 'a', verifyCertificateHash: ['xyz'] },
      },
      'spec.servers[0].tls: verifyCertificateHash "xyz" is not a SHA-256 in hexadecimal; correct it',
    ],
  ])('%j: its status names the field and the cure', (server, message) => {
    expect(faultOf(modelOf(edge({ app: 'edge' }), istio('bad', { app: 'edge' }, [server])), 'bad')).toBe(message);
  });
});

describe('properties', () => {
  const name = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
  const host = fc.oneof(
    fc.constant('*'),
    name,
    name.map((rest) => `*.${rest}`),
  );

  it('the narrower of two hosts is one of them, whatever their order', () => {
    fc.assert(
      fc.property(host, host, (a, b) => {
        const found = narrower(a, b);
        expect(found).toBe(narrower(b, a));
        if (found !== null) expect([a, b]).toContain(found);
        expect(narrower(a, '*')).toBe(a);
      }),
    );
  });
});
