import type { FuzzTarget } from '@weft/testing-fuzz';
import { HboneConnection } from '../connection.js';
import { CLIENT_PREFACE, FrameFlag, FrameType } from '../frame-types.js';
import { HBONE_LIMITS } from '../limits.js';
import { CLIENT_SETTINGS, SERVER_SETTINGS } from '../settings.js';
import { CONNECT_FIELDS, dataFrame, GET_FIELDS, headersFrame, rawFrame, settingsFrame, u32 } from './raw-frames.js';

const OUTPUT_BYTES = 4096;
const STREAMS = 3;
const hello = (): Buffer => Buffer.concat([settingsFrame(), rawFrame(FrameType.SETTINGS, FrameFlag.ACK, 0)]);

const FRAMES: readonly Buffer[] = [
  headersFrame(1, CONNECT_FIELDS),
  headersFrame(3, GET_FIELDS, FrameFlag.END_HEADERS | FrameFlag.END_STREAM),
  headersFrame(1, [[':status', '200']]),
  headersFrame(3, [[':status', '503']], FrameFlag.END_HEADERS | FrameFlag.END_STREAM),
  headersFrame(5, CONNECT_FIELDS, 0),
  rawFrame(FrameType.CONTINUATION, FrameFlag.END_HEADERS, 5, Buffer.from([0x83])),
  dataFrame(1, 'tunnel bytes'),
  dataFrame(1, '', FrameFlag.END_STREAM),
  dataFrame(1, '\x03padded\0\0\0', FrameFlag.PADDED),
  rawFrame(FrameType.RST_STREAM, 0, 1, u32(8)),
  rawFrame(FrameType.WINDOW_UPDATE, 0, 0, u32(65_535)),
  rawFrame(FrameType.WINDOW_UPDATE, 0, 1, u32(1)),
  rawFrame(FrameType.PING, 0, 0, Buffer.alloc(8, 7)),
  rawFrame(FrameType.GOAWAY, 0, 0, u32(1, 0)),
  rawFrame(FrameType.PRIORITY, 0, 1, Buffer.alloc(5)),
  rawFrame(0x21, 0xff, 9, Buffer.from('unknown')),
  settingsFrame([1, 0], [4, 100], [5, 16_384], [3, 1]),
];

/**
 * A whole connection, of a client or of a server. The first byte of the input says which, and whether the rest comes in one
 * piece or in many; then come frames.
 */
export const frameFuzz: FuzzTarget = {
  name: 'frame',
  maxBytes: 4096,
  seeds: () =>
    [0, 1, 2, 3].flatMap((mode) => [
      Buffer.concat([Buffer.from([mode]), ...FRAMES.slice(0, 6)]),
      ...FRAMES.map((frame) =>
        Buffer.concat([Buffer.from([mode]), FRAMES[mode % 2 === 0 ? 0 : 2]!, frame, FRAMES[6]!]),
      ),
    ]),
  words: FRAMES,
  run: (input) => {
    const mode = input[0] ?? 0;
    return new FramePlay(mode % 2 === 0 ? 'server' : 'client').play(
      input.subarray(1),
      (mode & 2) === 0 ? 0 : 1 + (mode >> 2),
    );
  },
};

class FramePlay {
  readonly #kinds = new Set<string>();
  readonly #connection: HboneConnection;
  #over = false;

  constructor(private readonly role: 'client' | 'server') {
    const settings = role === 'client' ? CLIENT_SETTINGS : SERVER_SETTINGS;
    const limits = { initialWindowBytes: 1000, maxConcurrentStreams: STREAMS, outputCapacityBytes: OUTPUT_BYTES };
    const connection = new HboneConnection(
      { ...settings, ...limits },
      {
        onRequest: (stream, { method }) => {
          this.#saw('request');
          connection.respond(stream, method === 'CONNECT' ? 200 : 400, [], method !== 'CONNECT');
        },
        onResponse: (_stream, { status }) => this.#saw(`status ${Math.floor(status / 100)}`),
        onData: (stream, _bytes, start, end) => {
          this.#saw('data');
          connection.consumed(stream, end - start);
        },
        onEnd: (stream) => {
          this.#saw('end');
          connection.end(stream);
        },
        onReset: () => this.#saw('reset'),
        onWritable: () => this.#saw('writable'),
        onGoaway: () => this.#saw('goaway'),
        onFatal: (error) => {
          this.#saw(`${error.code} ${error.message}`);
          this.#over = true;
        },
        onOutput: () => undefined,
      },
    );
    this.#connection = connection;
    const begin = hello();
    if (role === 'server') connection.receive(CLIENT_PREFACE, 0, CLIENT_PREFACE.length);
    connection.receive(begin, 0, begin.length);
    if (role === 'client') for (let i = 0; i < STREAMS; i++) connection.connect('10.0.0.1:80', []);
  }

  /** `step`: bytes given at a time; 0: all. */
  play(bytes: Buffer, step: number): string {
    const connection = this.#connection;
    for (let at = 0; at < bytes.length; at += step || bytes.length) {
      connection.receive(bytes, at, Math.min(bytes.length, at + (step || bytes.length)));
      if (connection.out.length > OUTPUT_BYTES + HBONE_LIMITS.controlRoomBytes) throw new Error('output without bound');
      if (connection.activeStreams > STREAMS) throw new Error(`${connection.activeStreams} streams are open`);
    }
    connection.tick(1000);
    connection.flushed();
    return `${this.role} ${[...this.#kinds].sort().join(', ')} ${connection.activeStreams}`;
  }

  #saw(kind: string): void {
    if (this.#over) throw new Error(`${kind} after the end of the connection`);
    this.#kinds.add(kind);
  }
}
