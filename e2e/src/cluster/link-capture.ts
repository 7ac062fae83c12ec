import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterHandle, NodeProcess } from '@weft/testing-local-cluster';
import { runProgram } from './run-program.js';

/** One captured IP packet. */
export interface Segment {
  readonly source: string;
  readonly destination: string;
  /** 6 is TCP; ports, sequence and payload are those of TCP. */
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Which TCP connection of the capture. */
  readonly connection: number;
  /** Relative to the first one of its direction. */
  readonly sequence: number;
  readonly payload: Buffer;
}

const FIELDS = ['ip.src', 'ip.dst', 'ip.proto', 'tcp.srcport', 'tcp.dstport', 'tcp.stream', 'tcp.seq', 'tcp.payload'];
const READ_MS = 60_000;

/** A recording of the uplink of a node, read when it ends. */
export class LinkCapture {
  constructor(
    private readonly cluster: ClusterHandle,
    private readonly node: string,
    private readonly file: string,
    private readonly dump: NodeProcess,
  ) {}

  async stop(): Promise<readonly Segment[]> {
    this.dump.kill('SIGINT');
    await this.dump.exit;
    const { stdout } = await this.cluster.nodeExec(this.node, ['base64', '-w0', this.file]);
    await this.cluster.nodeExec(this.node, ['rm', '-f', this.file]);
    const copy = join(tmpdir(), `${this.cluster.name}-${this.node}.pcap`);
    try {
      await writeFile(copy, Buffer.from(stdout, 'base64'));
      return await readCapture(copy);
    } finally {
      await rm(copy, { force: true });
    }
  }
}

async function readCapture(file: string): Promise<readonly Segment[]> {
  const argv = ['tshark', '-n', '-r', file, '-T', 'fields', '-E', 'occurrence=f', ...FIELDS.flatMap((f) => ['-e', f])];
  const { code, stdout, stderr } = await runProgram(argv, { timeoutMs: READ_MS });
  if (code !== 0) throw new Error(`tshark: ${stderr}`);
  return stdout.split('\n').filter(Boolean).map(parseSegment);
}

function parseSegment(line: string): Segment {
  const [source = '', destination = '', protocol, sourcePort, destinationPort, connection, sequence, payload = ''] =
    line.split('\t');
  return {
    source,
    destination,
    protocol: Number(protocol),
    sourcePort: Number(sourcePort),
    destinationPort: Number(destinationPort),
    connection: Number(connection),
    sequence: Number(sequence),
    payload: Buffer.from(payload.replaceAll(':', ''), 'hex'),
  };
}
