import { istio, meshConfig, service } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, frontend, expectAnswers } = useWaypoint();

describe('MeshConfig at a waypoint', () => {
  it('defaultTrafficPolicy: limits of every service, beside those that a DestinationRule sets', async () => {
    const [plain, ruled] = [frontend(), frontend()];
    await rig().apply(
      meshConfig({ defaultTrafficPolicy: { connectionPool: { http: { http2MaxRequests: 1 } } } }),
      istio('DestinationRule', ruled.name, {
        host: ruled.name,
        trafficPolicy: { connectionPool: { http: { http2MaxRequests: 100 } } },
      }),
      service(plain.name, plain.ip, null),
      service(ruled.name, ruled.ip, null),
    );
    const refused = async ({ ip }: { readonly ip: string }): Promise<boolean> => {
      const answers = await Promise.all(Array.from({ length: 6 }, () => rig().ask(`${ip}:80`, { path: '/delay/300' })));
      return answers.some(({ status }) => status === 503);
    };
    await expectAnswers(`${ruled.ip}:80`, [['/', 200]]);
    await rig().settles(() => refused(plain), true);
    await rig().settles(() => refused(ruled), false);
  });

  it('defaultHttpRetryPolicy: of routes that say nothing; and the next one as soon as it changes', async () => {
    const [plain, ruled] = [frontend(), frontend()];
    await rig().apply(
      meshConfig({ defaultHttpRetryPolicy: { attempts: 3, retryOn: '503' } }),
      service(plain.name, plain.ip, null),
      service(ruled.name, ruled.ip, null),
      istio('VirtualService', ruled.name, {
        hosts: [ruled.name],
        http: [
          {
            match: [{ uri: { prefix: '/fail/1/own' } }],
            retries: { attempts: 0 },
            route: [{ destination: { host: ruled.name, port: { number: 80 } } }],
          },
          { route: [{ destination: { host: ruled.name, port: { number: 80 } } }] },
        ],
      }),
    );
    let id = 0;
    const status = async ({ ip }: { readonly ip: string }, path = '/fail/1/'): Promise<number> =>
      (await rig().ask(`${ip}:80`, { path: `${path}${++id}` })).status;
    await rig().settles(() => status(plain), 200);
    await rig().settles(() => status(ruled), 200);
    await rig().settles(() => status(ruled, '/fail/1/own'), 503);
    await rig().apply(meshConfig({}));
    await rig().settles(() => status(plain), 503);
    await rig().settles(() => status(ruled), 503);
  });
});
