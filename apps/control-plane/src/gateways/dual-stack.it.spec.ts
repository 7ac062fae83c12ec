import type { KubeObject } from '@weft/kube';
import { EDGE, WEB_PORT } from '../testing/gateway/gateway-rig.js';
import { useGateway } from '../testing/gateway/use-gateway.js';
import { askHttp } from '../testing/proxy/http-client.js';
import { gateway, gatewayPod, WAYPOINT } from '../testing/proxy/mesh-objects.js';

const { rig, routed } = useGateway([{ type: 'waypoint', name: WAYPOINT, gateway: gateway() }]);

const HBONE_PORT = 15_008;
const TO_V1 = [{ backendRefs: [{ name: 'echo-v1', port: 80 }] }];

/** Addresses on which an Envoy listens at a port. */
const listening = async (proxy: number, port: number): Promise<readonly string[]> =>
  (await rig().proxy(proxy).admin('/listeners'))
    .split('\n')
    .map((line) => line.slice(line.indexOf('::') + 2))
    .filter((address) => address.endsWith(`:${port}`))
    .sort();

/** The API server keeps the status of what is there. */
async function again(pod: KubeObject): Promise<void> {
  await rig().remove(pod);
  await rig().apply(pod);
}

describe('listeners of proxies', () => {
  it('of pods with addresses of both families take connections over both, those of others over what there is', async () => {
    const host = await routed(TO_V1);
    const ask = async (address: string) => (await askHttp({ host: address, port: WEB_PORT }, { host })).server;
    const { v4, v6 } = rig().addresses(0);
    await rig().settles(() => ask(v4), 'v1');
    expect(await listening(0, WEB_PORT)).toEqual(['0.0.0.0:80']);

    await again(gatewayPod(EDGE, v4, v6));
    await rig().settles(() => ask(v6), 'v1');
    await rig().settles(() => ask(v4), 'v1');

    await again(gatewayPod(EDGE, v6));
    await rig().settles(() => listening(0, WEB_PORT), ['[::]:80']);
    await rig().settles(() => ask(v6), 'v1');
  });

  it('of waypoints take tunnels over both', async () => {
    const { v4, v6 } = rig().addresses(1);
    await rig().settles(() => listening(1, HBONE_PORT), [`0.0.0.0:${HBONE_PORT}`]);
    await again(gatewayPod(WAYPOINT, v4, v6));
    await rig().settles(() => listening(1, HBONE_PORT), [`0.0.0.0:${HBONE_PORT}`, `[::]:${HBONE_PORT}`]);
  });
});
