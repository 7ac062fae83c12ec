import { HboneConnection } from '../connection.js';
import type { HboneError } from '../errors.js';
import { CLIENT_PREFACE, FrameType } from '../frame-types.js';
import type { HboneHandler } from '../handler.js';
import { CLIENT_SETTINGS, SERVER_SETTINGS, type HboneSettings } from '../settings.js';
import type { HboneStream } from '../stream.js';
import { parseFrames, rawFrame, settingsFrame, type RawFrame } from './raw-frames.js';

/**
 * One connection under a test's hand: bytes go in by `receive`, what it does is kept as text in `events` (neighbouring
 * DATA spans joined) and what it sends is taken apart by `sent`.
 */
export class Probe {
  readonly connection: HboneConnection;
  readonly events: string[] = [];
  readonly streams = new Map<number, HboneStream>();
  fatal: HboneError | null = null;
  /** Called after an event was recorded; a test's own reactions. */
  react: Partial<HboneHandler> = {};

  constructor(settings: Partial<HboneSettings> & Pick<HboneSettings, 'role'>) {
    const defaults = settings.role === 'client' ? CLIENT_SETTINGS : SERVER_SETTINGS;
    this.connection = new HboneConnection({ ...defaults, ...settings }, this.#handler());
  }

  /** A server whose client has said hello and acknowledged the settings; its own hello is taken off. */
  static server(settings: Partial<HboneSettings> = {}): Probe {
    const probe = new Probe({ ...settings, role: 'server' });
    probe.receive(CLIENT_PREFACE, settingsFrame(), rawFrame(FrameType.SETTINGS, 1, 0));
    probe.sent();
    return probe;
  }

  /** The same for a client. */
  static client(settings: Partial<HboneSettings> = {}): Probe {
    const probe = new Probe({ ...settings, role: 'client' });
    probe.connection.flushed(CLIENT_PREFACE.length);
    probe.receive(settingsFrame(), rawFrame(FrameType.SETTINGS, 1, 0));
    probe.sent();
    return probe;
  }

  receive(...parts: readonly Buffer[]): this {
    const bytes = Buffer.concat(parts);
    this.connection.receive(bytes, 0, bytes.length);
    return this;
  }

  /** Takes what waits in `out`. */
  sent(): RawFrame[] {
    const { bytes, length } = this.connection.out;
    const frames = parseFrames(Buffer.from(bytes.subarray(0, length)));
    this.connection.flushed();
    return frames;
  }

  stream(id: number): HboneStream {
    const stream = this.streams.get(id);
    if (stream === undefined) throw new Error(`no stream ${id}`);
    return stream;
  }

  /** Sends as much of `text` as there is room for; returns the rest. */
  send(stream: HboneStream, text: string): string {
    const { offset, length } = this.connection.reserve(stream);
    const n = Math.min(length, text.length);
    this.connection.out.bytes.write(text.slice(0, n), offset, 'latin1');
    this.connection.commit(stream, n);
    return text.slice(n);
  }

  #handler(): HboneHandler {
    const log = (stream: HboneStream, text: string): void => {
      this.streams.set(stream.id, stream);
      this.events.push(`${stream.id} ${text}`);
    };
    return {
      onRequest: (stream, request) => {
        log(stream, `request ${request.method} ${request.authority} ${JSON.stringify(request.headers)}`);
        this.react.onRequest?.(stream, request);
      },
      onResponse: (stream, response) => {
        log(stream, `response ${response.status} ${JSON.stringify(response.headers)}`);
        this.react.onResponse?.(stream, response);
      },
      onData: (stream, bytes, start, end) => {
        this.#logData(stream.id, bytes.toString('latin1', start, end));
        this.react.onData?.(stream, bytes, start, end);
      },
      onEnd: (stream) => {
        log(stream, 'end');
        this.react.onEnd?.(stream);
      },
      onReset: (stream, code) => {
        log(stream, `reset ${code}`);
        this.react.onReset?.(stream, code);
      },
      onWritable: (stream) => {
        log(stream, 'writable');
        this.react.onWritable?.(stream);
      },
      onGoaway: (last, code, debug) => this.events.push(`goaway ${last} ${code} ${debug}`),
      onFatal: (error) => {
        this.fatal = error;
        this.events.push(`fatal ${error.code} ${error.http2Code}`);
      },
      onOutput: () => this.react.onOutput?.(),
    };
  }

  #logData(id: number, text: string): void {
    const prefix = `${id} data `;
    const last = this.events.length - 1;
    if (this.events[last]?.startsWith(prefix) === true) this.events[last] += text;
    else this.events.push(prefix + text);
  }
}
