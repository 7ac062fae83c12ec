import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterHandle, NodeProcess } from '@weft/testing-local-cluster';
import { runProgram } from './run-program.js';

/** One captured TCP segment with data, as tshark reads it. */
export interface Segment {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly bytes: number;
  /** Content types of the TLS records in it (22 handshake, 23 application data); null when it is no TLS. */
  readonly tlsRecords: readonly number[] | null;
}

const FIELDS = [
  'ip.src',
  'tcp.srcport',
  'ip.dst',
  'tcp.dstport',
  'tcp.len',
  'tls.record.content_type',
  'tls.record.opaque_type',
  'tcp.segment',
  '_ws.col.protocol',
];

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

export async function readCapture(file: string): Promise<readonly Segment[]> {
  const argv = [
    'tshark',
    '-r',
    file,
    '-d',
    'tcp.port==15008,tls',
    '-Y',
    'tcp.len > 0',
    '-T',
    'fields',
    '-E',
    'occurrence=a',
  ];
  const { code, stdout, stderr } = await runProgram([...argv, ...FIELDS.flatMap((field) => ['-e', field])]);
  if (code !== 0) throw new Error(`tshark: ${stderr}`);
  return stdout.split('\n').filter(Boolean).map(parseSegment);
}

export function parseSegment(line: string): Segment {
  const [source = '', sourcePort, destination = '', destinationPort, bytes, plain = '', opaque = '', , protocol = ''] =
    line.split('\t');
  const records = [...plain.split(','), ...opaque.split(',')].filter(Boolean).map(Number);
  return {
    source,
    sourcePort: Number(sourcePort),
    destination,
    destinationPort: Number(destinationPort),
    bytes: Number(bytes),
    tlsRecords: records.length > 0 || /^TLS/.test(protocol) ? records : null,
  };
}
