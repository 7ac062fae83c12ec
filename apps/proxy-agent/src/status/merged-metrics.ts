import type { Registry } from 'prom-client';
import { proxyLoad } from './proxy-load.js';
import type { EnvoyAdmin } from '../envoy/envoy-admin.js';

/** Envoy puts its own prefix before names that an access logger makes up. */
const ISTIO_NAME = /^(# (?:TYPE|HELP) )?envoy_(istio_)/gm;

/** One page of the agent's and Envoy's metrics, with the standard metrics of the mesh under their own names. */
export async function mergedMetrics(registry: Registry, admin: EnvoyAdmin, envoyPid: number | null): Promise<string> {
  const [own, load, envoy] = await Promise.all([
    registry.metrics(),
    proxyLoad(admin, envoyPid),
    admin.prometheus().catch(() => ''),
  ]);
  return `${own}\n${load}${withIstioNames(envoy)}`;
}

/** What Envoy leaves empty reads "unknown" in Istio, but for what a request without flags and without gRPC has. */
const UNKNOWN = /\b(?!response_flags=|grpc_response_status=)(\w+)="-?"/g;

export function withIstioNames(page: string): string {
  return page.replace(ISTIO_NAME, '$1$2').replace(/^istio_.*$/gm, (line) => line.replace(UNKNOWN, '$1="unknown"'));
}
