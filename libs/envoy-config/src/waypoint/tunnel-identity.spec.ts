import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { attached, HOST, WEB } from '../testing/custom-mesh.js';
import { loadMesh } from '../testing/load-mesh.js';
import { WaypointEnvoy } from '../testing/waypoint-envoy.js';

const ANN = 'spiffe://cluster.local/ns/shop/sa/ann';
const BOB = 'spiffe://cluster.local/ns/shop/sa/bob';

const ONLY_ANN = {
  kind: 'AuthorizationPolicy',
  metadata: { name: 'only-ann', namespace: 'shop' },
  spec: {
    targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
    action: 'ALLOW',
    rules: [{ from: [{ source: { principals: ['cluster.local/ns/shop/sa/ann'] } }] }],
  },
};

describe('tunnels that open at once', () => {
  let web: Server;
  let envoy: WaypointEnvoy | undefined;

  beforeAll(async () => {
    web = createServer((_request, response) => response.end());
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const { port } = web.address() as AddressInfo;
    envoy = await WaypointEnvoy.start(loadMesh([...attached(), ONLY_ANN]), { [`${HOST}:80`]: port });
  });
  afterAll(async () => {
    await envoy?.stop();
    web.close();
  });

  it('are never taken for each other, also from one address and port', async () => {
    for (let round = 0; round < 10; round++) {
      const identities = Array.from({ length: 20 }, (_one, i) => (i % 2 === 0 ? ANN : BOB));
      const told = await Promise.all(
        identities.map((identity) => envoy!.ask({ address: WEB, identity, sourcePort: 40_000 })),
      );
      expect(told.map(({ status }) => status)).toEqual(identities.map((one) => (one === ANN ? 200 : 403)));
    }
  });
});
