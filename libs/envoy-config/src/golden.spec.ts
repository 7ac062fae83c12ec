import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLUSTER_TYPE_URL, describeResource, LISTENER_TYPE_URL, ROUTE_TYPE_URL } from '@weft/xds';
import { Cluster } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { Resource } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import { parseAllDocuments, stringify } from 'yaml';
import { gatewayResources } from './gateway/gateway-resources.js';
import { loadMesh } from './testing/load-mesh.js';
import { rejectionByEnvoy } from './testing/validate-with-envoy.js';
import type { ProxyResource } from './resources/proxy-resource.js';
import { waypointResources } from './waypoint/waypoint-resources.js';

const FOLDER = join(__dirname, '..', 'testdata');
const SETTINGS = {
  trustDomains: ['cluster.local'],
  clusterDomain: 'cluster.local',
  connectTimeoutMs: 10_000,
  unknownKeys: readFileSync(join(FOLDER, 'unknown-keys.json'), 'utf8'),
};

const bodies = <T>(resources: readonly ProxyResource[], typeUrl: string, decode: (bytes: Uint8Array) => T): T[] =>
  resources
    .filter((one) => one.typeUrl === typeUrl)
    .map(({ resource }) => decode(Resource.decode(resource.encoded).resource!.value));

/** What is the same in every waypoint is shown once, in the case without services. */
const COMMON = new Set(['connect_terminate', 'connect_originate', 'main_internal', 'encap', 'BlackHoleCluster']);

describe('a mesh becomes the configuration of its waypoint or gateway, and Envoy takes it', () => {
  const cases = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.in.yaml'))
    .map((file) => file.slice(0, -'.in.yaml'.length));

  it.each(cases)('%s', async (name) => {
    const objects = ['mesh.yaml', `${name}.in.yaml`].flatMap((file) =>
      parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map(
        (document) => document.toJS({ maxAliasCount: -1 }) as unknown,
      ),
    );
    const model = loadMesh(objects);
    const derived = name.startsWith('gateway')
      ? gatewayResources(model, SETTINGS).resources
      : waypointResources(model, SETTINGS);
    const resources = [...derived.values()];
    const shown = resources
      .filter(({ typeUrl, resource }) =>
        name === 'empty' || typeUrl === LISTENER_TYPE_URL ? true : !COMMON.has(resource.name),
      )
      .filter(({ resource }) => name === 'empty' || !['connect_terminate', 'connect_originate'].includes(resource.name))
      .map(
        ({ typeUrl, resource }) =>
          [`${typeUrl.split('.').at(-1)!} ${resource.name}`, describeResource(resource)] as const,
      )
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const output = stringify(Object.fromEntries(shown), {
      aliasDuplicateObjects: false,
      lineWidth: 0,
      singleQuote: true,
    });
    const file = join(FOLDER, `${name}.out.yaml`);
    if (process.env['UPDATE_GOLDEN'] === '1' || !existsSync(file)) writeFileSync(file, output);
    expect(output).toBe(readFileSync(file, 'utf8'));
    const rejection = await rejectionByEnvoy({
      clusters: bodies(resources, CLUSTER_TYPE_URL, (bytes) => Cluster.decode(bytes)),
      listeners: bodies(resources, LISTENER_TYPE_URL, (bytes) => Listener.decode(bytes)),
      routes: bodies(resources, ROUTE_TYPE_URL, (bytes) => RouteConfiguration.decode(bytes)),
    });
    expect(rejection).toBeNull();
  });
});
