import type { NodeProcess } from '@weft/testing-local-cluster';
import { until } from '@weft/testing-fixtures';

/** One TCP segment with data, at one device it passed. */
export interface Packet {
  /** Milliseconds since the epoch, by the clock of the machine. */
  readonly atMs: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly bytes: number;
}

const LINE = /^(\d+\.\d+) .*IP (\d+\.\d+\.\d+\.\d+)\.(\d+) > (\d+\.\d+\.\d+\.\d+)\.(\d+): .*length (\d+)/;
export const PACKET_FILTER = 'tcp and net 10.244.0.0/16';

function parsePacket(line: string): Packet | null {
  const match = LINE.exec(line);
  if (match === null) return null;
  const [, seconds, source = '', sourcePort, destination = '', destinationPort, bytes] = match;
  if (Number(bytes) === 0) return null;
  return {
    atMs: Number(seconds) * 1000,
    source,
    sourcePort: Number(sourcePort),
    destination,
    destinationPort: Number(destinationPort),
    bytes: Number(bytes),
  };
}

/** Follows tcpdump on every device of every node: what goes between two pods, and to which port. */
export class PacketWatch {
  readonly packets: Packet[] = [];

  constructor(private readonly dumps: readonly NodeProcess[]) {
    for (const dump of dumps) {
      let rest = '';
      dump.stdout.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const packet = parsePacket(line);
          if (packet !== null) this.packets.push(packet);
        }
      });
    }
  }

  /** Server ports of the data between two pods since `sinceMs`, in either direction; waits until both have sent some. */
  async portsBetween(client: string, server: string, sinceMs: number): Promise<readonly number[]> {
    const between = (from: string, to: string): Packet[] =>
      this.packets.filter((p) => p.atMs >= sinceMs && p.source === from && p.destination === to);
    const there = (): Packet[] => between(client, server);
    const back = (): Packet[] => between(server, client);
    await until(() => there().length > 0 && back().length > 0, `packets pass between ${client} and ${server}`);
    const ports = [...there().map((p) => p.destinationPort), ...back().map((p) => p.sourcePort)];
    return [...new Set(ports)].sort((a, b) => a - b);
  }

  stop(): void {
    for (const dump of this.dumps) dump.kill('SIGTERM');
  }
}
