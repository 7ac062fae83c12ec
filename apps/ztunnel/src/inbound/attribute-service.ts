import type { MeshView } from '../state/mesh-view.js';
import type { Service } from '../state/service.js';
import type { Workload } from '../state/workload.js';

const FORWARDED_HOST = /(?:^|[;,\s])host=(?:"([^"\\]{1,255})"|([^";,\s]{1,255}))/i;

/** The `host` of a `forwarded` header; null without one. */
export function forwardedHost(forwarded: string | undefined): string | null {
  const match = FORWARDED_HOST.exec(forwarded ?? '');
  const host = match?.[1] ?? match?.[2] ?? null;
  return host !== null && /^[\x21-\x7e]+$/.test(host) ? host : null;
}

/**
 * Which service an inbound connection counts for: the one that the client says it meant, if the workload belongs to it;
 * else the first one that leads to this port.
 */
export function attributeService(
  view: MeshView,
  local: Workload,
  { port, forwarded }: { port: number; forwarded?: string | undefined },
): Service | null {
  const services = [...local.services.keys()].flatMap((key) => view.service(key) ?? []);
  const host = forwardedHost(forwarded);
  const named = host === null ? undefined : services.find(({ hostname }) => hostname === host);
  if (named !== undefined) return named;
  const leadsHere = (service: Service): boolean => {
    const own = local.services.get(service.key);
    return [...service.ports].some(([servicePort, target]) => ((own?.get(servicePort) ?? 0) || target) === port);
  };
  return services.find(leadsHere) ?? null;
}
