import { AdminServer, everyAddress, type Readiness } from '@weft/runtime';
import type { Registry } from 'prom-client';
import type { ZtunnelConfig } from '../config.js';
import type { DataPlanePort } from '../pods/data-plane-port.js';
import { adminRoutes, type AdminRoutesOptions } from './admin-routes.js';
import { readinessRoutes } from './readiness-routes.js';

export interface AdminServersOptions extends AdminRoutesOptions {
  readonly dataPlane: DataPlanePort;
  readonly registry: Registry;
  readonly readiness: Readiness;
}

/** What is asked over HTTP, on the ports of Istio's ztunnel. */
export interface AdminServers {
  /** On loopback only. */
  readonly admin: AdminServer;
  readonly metrics: AdminServer;
  readonly readinessServer: AdminServer;
}

export function adminServers(
  { ports, ipv6 }: Pick<ZtunnelConfig, 'ports' | 'ipv6'>,
  { registry, readiness, ...routes }: AdminServersOptions,
): AdminServers {
  const host = ipv6 ? everyAddress() : '0.0.0.0';
  return {
    admin: new AdminServer({ name: 'admin', host: 'localhost', port: ports.admin, routes: adminRoutes(routes) }),
    metrics: new AdminServer({
      name: 'metrics',
      host,
      port: ports.metrics,
      registry,
      beforeMetrics: () => routes.dataPlane.settle(),
    }),
    readinessServer: new AdminServer({
      name: 'readiness',
      host,
      port: ports.readiness,
      routes: readinessRoutes(readiness),
    }),
  };
}
