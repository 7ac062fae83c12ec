import type { IngressListener } from './ingress-gateway.js';
import type { IstioServerKind } from './istio-server.js';

/** What can share a port: requests by host, handshakes by name; connections without either cannot. */
type Family = 'HTTP' | 'TLS' | 'TCP';

const FAMILIES: Readonly<Record<IstioServerKind | IngressListener['protocol'], Family>> = {
  http: 'HTTP',
  https: 'TLS',
  tls: 'TLS',
  passthrough: 'TLS',
  tcp: 'TCP',
  HTTP: 'HTTP',
  HTTPS: 'TLS',
  TLS: 'TLS',
  TCP: 'TCP',
};

interface Holder {
  readonly family: Family;
  readonly name: string;
}

/** Administration, metrics, readiness, and what the agent serves. */
const RESERVED = new Set([15_000, 15_001, 15_006, 15_008, 15_020, 15_021, 15_090]);

/** Who has the ports of a gateway, and names in handshakes on them. Listeners of the Gateway API come first. */
export class PortClaims {
  readonly #ports = new Map<number, Holder>();
  readonly #names = new Map<string, string>();

  constructor({ name, listeners }: { readonly name: string; readonly listeners: readonly IngressListener[] }) {
    for (const { name: listener, port, protocol, hostname = '*' } of listeners) {
      const holder = `listener ${listener} of Gateway ${name}`;
      const family = FAMILIES[protocol];
      this.#ports.set(port, { family, name: holder });
      if (family === 'TLS') this.#names.set(`${port}/${hostname}`, holder);
    }
  }

  /** Null: the port is free, or can be shared. */
  conflict(port: number, kind: IstioServerKind): string | null {
    if (RESERVED.has(port)) return 'belongs to the proxy itself';
    const holder = this.#ports.get(port);
    if (holder === undefined) return null;
    if (holder.family !== FAMILIES[kind]) return `serves ${holder.family} for ${holder.name}`;
    return holder.family === 'TCP' ? `serves TCP for ${holder.name}` : null;
  }

  /** Who has the name on the port; null: nobody. Hosts of requests may have several, whose routes follow each other. */
  holderOf(port: number, kind: IstioServerKind, host: string): string | null {
    return FAMILIES[kind] === 'TLS' ? (this.#names.get(`${port}/${host}`) ?? null) : null;
  }

  take(port: number, kind: IstioServerKind, hosts: readonly string[], name: string): void {
    const family = FAMILIES[kind];
    if (!this.#ports.has(port)) this.#ports.set(port, { family, name });
    if (family === 'TLS') for (const host of hosts) this.#names.set(`${port}/${host}`, name);
  }
}
