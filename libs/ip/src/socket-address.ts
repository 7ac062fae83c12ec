import { parseIp, type IpAddress } from './ip-address.js';

export interface SocketAddress {
  readonly ip: IpAddress;
  readonly port: number;
}

/** `1.2.3.4:80` or `[::1]:80`; null otherwise. */
export function parseSocketAddress(text: string): SocketAddress | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const ip = parseIp(match[1] ?? match[2]!);
  const port = Number(match[3]);
  if (ip === null || port > 65_535 || match[1]?.includes(':') === false) return null;
  return { ip, port };
}

export function formatSocketAddress({ ip, port }: SocketAddress): string {
  return ip.family === 4 ? `${ip.text}:${port}` : `[${ip.text}]:${port}`;
}
