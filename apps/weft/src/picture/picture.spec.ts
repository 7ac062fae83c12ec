import fc from 'fast-check';
import { parsePrometheusText } from '@weft/testing-mesh-deployment';
import { connectionRows } from './connection-rows.js';
import { denialRows } from './denial-rows.js';
import { requestRows } from './request-rows.js';
import { formatBytes, renderPicture } from './render-picture.js';

const mutual =
  'source_workload="orders",source_workload_namespace="shop",source_principal="spiffe://cluster.local/ns/shop/sa/orders",' +
  'destination_workload="db",destination_workload_namespace="shop",destination_principal="spiffe://cluster.local/ns/shop/sa/db",connection_security_policy="mutual_tls"';
const METRICS = `# HELP istio_tcp_connections_opened_total x
istio_tcp_connections_opened_total{reporter="source",${mutual}} 5
istio_tcp_connections_opened_total{reporter="destination",${mutual}} 5
istio_tcp_connections_closed_total{reporter="source",${mutual}} 3
istio_tcp_received_bytes_total{reporter="source",${mutual}} 2048
istio_tcp_sent_bytes_total{reporter="source",${mutual}} 10
istio_tcp_connections_opened_total{reporter="destination",source_workload="unknown",destination_workload="web",destination_workload_namespace="shop",connection_security_policy="unknown"} 2
other_total{a="b"} 1
`;

const web = 'reporter="waypoint",destination_service_name="web",destination_service_namespace="shop"';
const REQUESTS = `istio_requests_total{${web},destination_workload="web-v1",destination_workload_namespace="shop",response_code="200",response_flags="unknown",source_workload="a"} 5
istio_requests_total{${web},destination_workload="web-v1",destination_workload_namespace="shop",response_code="200",response_flags="unknown",source_workload="b"} 3
istio_requests_total{${web},destination_workload="unknown",response_code="503",response_flags="FI",source_workload="a"} 1
istio_requests_total{${web},destination_workload="unknown",response_code="403",response_flags="unknown",source_workload="a"} 1
istio_requests_total{reporter="source",response_code="200"} 9
`;

describe('requests of the picture', () => {
  it('are summed up over clients, with the share of each answer', () => {
    expect(requestRows(parsePrometheusText(REQUESTS))).toEqual([
      { service: 'shop/web', answeredBy: 'shop/web-v1', status: 200, count: 8, share: 0.8 },
      { service: 'shop/web', answeredBy: 'the waypoint', status: 403, count: 1, share: 0.1 },
      { service: 'shop/web', answeredBy: 'a fault on purpose', status: 503, count: 1, share: 0.1 },
    ]);
  });
});

describe('connections of the picture', () => {
  it('count a tunnel once, at its source, and plaintext from outside at its destination', () => {
    expect(connectionRows(parsePrometheusText(METRICS))).toEqual([
      {
        source: 'outside the mesh',
        sourceIdentity: null,
        destination: 'shop/web',
        destinationIdentity: null,
        security: 'plain',
        opened: 2,
        open: 2,
        bytesSent: 0,
        bytesReceived: 0,
      },
      {
        source: 'shop/orders',
        sourceIdentity: 'spiffe://cluster.local/ns/shop/sa/orders',
        destination: 'shop/db',
        destinationIdentity: 'spiffe://cluster.local/ns/shop/sa/db',
        security: 'mTLS',
        opened: 5,
        open: 2,
        bytesSent: 2048,
        bytesReceived: 10,
      },
    ]);
  });
  it('reading metrics never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => connectionRows(parsePrometheusText(text)).length >= 0));
  });
});

describe('denials of the picture', () => {
  const line = (fields: object) =>
    JSON.stringify({
      direction: 'inbound',
      'src.workload': 'visitor-1',
      'src.namespace': 'shop',
      'src.identity': 'spiffe://v',
      'dst.workload': 'db-1',
      'dst.namespace': 'shop',
      ...fields,
    });
  it('are summed up by who was refused, where and why, with the latest time', () => {
    const error = 'connection closed due to policy rejection: allow policies exist, but none allowed (shop/db-only)';
    const log = [
      line({ error, time: '1' }),
      line({ error, time: '2' }),
      line({ direction: 'outbound', error }),
      line({ error: 'connection refused' }),
      line({}),
      'no json',
      '{',
    ].join('\n');
    expect(denialRows([log])).toEqual([
      {
        source: 'shop/visitor-1',
        sourceIdentity: 'spiffe://v',
        destination: 'shop/db-1',
        policy: 'shop/db-only',
        reason: 'allow policies exist, but none allowed (shop/db-only)',
        count: 2,
        last: '2',
      },
    ]);
  });
  it('name the policy that denies', () => {
    const error = 'connection closed due to policy rejection: explicitly denied by: shop/no-visitors';
    expect(denialRows([line({ error })])).toMatchObject([{ policy: 'shop/no-visitors' }]);
  });
});

describe('renderPicture', () => {
  it('never draws a line wider than the terminal', () => {
    const picture = {
      cluster: 'weft',
      at: 'now',
      nodes: [{ name: 'node-1', address: '172.30.0.11', ready: true, ztunnelReady: true }],
      pods: [
        {
          namespace: 'shop',
          name: 'a-very-long-name'.repeat(8),
          node: 'node-1',
          ip: '10.244.1.2',
          status: 'Ready',
          mesh: 'enrolled' as const,
        },
      ],
      connections: connectionRows(parsePrometheusText(METRICS)),
      requests: requestRows(parsePrometheusText(REQUESTS)),
      denials: [],
    };
    const lines = renderPicture(picture, { color: false, columns: 100 }).split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100);
    expect(lines.find((text) => text.includes('shop/orders'))).toMatch(
      /shop\/orders +shop\/db +mTLS +5 +2 +2\.0 KiB +10 B/,
    );
  });
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [5 * 1024 ** 3, '5.0 GiB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
