import { Http2Code } from './errors.js';
import { CLIENT_PREFACE, FrameFlag, FrameType, SettingId } from './frame-types.js';
import { Probe } from './testing/probe.js';
import {
  CONNECT_FIELDS,
  dataFrame,
  describeFrame,
  headersFrame,
  rawFrame,
  settingsFrame,
  u32,
} from './testing/raw-frames.js';

const { WINDOW_UPDATE, SETTINGS } = FrameType;
const sent = (probe: Probe): string[] => probe.sent().map(describeFrame);
const update = (id: number, n: number): Buffer => rawFrame(WINDOW_UPDATE, 0, id, u32(n));
const grant = (id: number, n: number): string => `WINDOW_UPDATE ${id} ${n.toString(16).padStart(8, '0')}`;

/** A server that answers every CONNECT; stream windows of `windowBytes` for both directions. */
const tunnel = (windowBytes: number): Probe => {
  const probe = Probe.server({ initialWindowBytes: windowBytes, connectionWindowBytes: 65_535 });
  probe.receive(settingsFrame([SettingId.INITIAL_WINDOW_SIZE, windowBytes]), headersFrame(1, CONNECT_FIELDS));
  probe.connection.respond(probe.stream(1), 200, []);
  probe.sent();
  probe.events.length = 0;
  return probe;
};

describe('sending (RFC 9113, 6.9)', () => {
  it('stops at the stream window and goes on when it reopens', () => {
    const probe = tunnel(10);
    const stream = probe.stream(1);
    expect(probe.send(stream, '0123456789abc')).toBe('abc');
    expect(probe.send(stream, 'abc')).toBe('abc');
    expect(probe.events).toEqual([]);
    probe.receive(update(1, 2));
    expect(probe.events).toEqual(['1 writable']);
    expect(probe.send(stream, 'abc')).toBe('c');
    expect(sent(probe)).toEqual(['DATA 1 0123456789', 'DATA 1 ab']);
  });

  it('stops at the connection window; streams go on in the order in which they waited', () => {
    const probe = tunnel(1_000_000);
    probe.receive(headersFrame(3, CONNECT_FIELDS), headersFrame(5, CONNECT_FIELDS));
    for (const id of [3, 5]) probe.connection.respond(probe.stream(id), 200, []);
    let rest = 'x'.repeat(70_000);
    for (let left = -1; left !== rest.length; probe.sent()) {
      left = rest.length;
      rest = probe.send(probe.stream(1), rest);
    }
    expect(70_000 - rest.length).toBe(65_535);
    for (const id of [5, 3]) expect(probe.send(probe.stream(id), 'y')).toBe('y');
    probe.events.length = 0;
    probe.react.onWritable = (stream) => probe.send(stream, stream.id === 1 ? 'z' : 'y');
    probe.receive(update(0, 2));
    expect(probe.events).toEqual(['1 writable', '5 writable']);
    probe.receive(update(0, 1));
    expect(probe.events).toEqual(['1 writable', '5 writable', '3 writable']);
  });

  it('a window that SETTINGS shrank below zero stays closed until it is positive (6.9.2)', () => {
    const probe = tunnel(10);
    const stream = probe.stream(1);
    probe.send(stream, '01234567');
    probe.receive(settingsFrame([SettingId.INITIAL_WINDOW_SIZE, 3]));
    expect(probe.send(stream, 'x')).toBe('x');
    probe.receive(update(1, 5));
    expect(probe.events).toEqual([]);
    probe.receive(update(1, 1));
    expect(probe.events).toEqual(['1 writable']);
    expect(probe.send(stream, 'xy')).toBe('y');
  });

  it('frames keep to the peer’s SETTINGS_MAX_FRAME_SIZE (4.2)', () => {
    const probe = tunnel(60_000);
    expect(probe.connection.reserve(probe.stream(1)).length).toBe(16_384);
    probe.receive(settingsFrame([SettingId.MAX_FRAME_SIZE, 20_000]));
    expect(probe.connection.reserve(probe.stream(1)).length).toBe(20_000);
  });

  it('a client sends nothing before the 200', () => {
    const probe = Probe.client();
    const stream = probe.connection.connect('a:1', [])!;
    expect(probe.send(stream, 'x')).toBe('x');
    probe.receive(headersFrame(1, [[':status', '200']]));
    expect(probe.events).toEqual(['1 response 200 []', '1 writable']);
    expect(probe.send(stream, 'x')).toBe('');
  });

  it('commit needs a matching reserve', () => {
    const probe = tunnel(10);
    const stream = probe.stream(1);
    const { length } = probe.connection.reserve(stream);
    expect(() => probe.connection.commit(stream, length + 1)).toThrow(RangeError);
    probe.connection.reserve(stream);
    probe.receive(rawFrame(FrameType.PING, 0, 0, Buffer.alloc(8)));
    expect(() => probe.connection.commit(stream, 1)).toThrow(RangeError);
    probe.connection.reserve(stream);
    probe.connection.commit(stream, 0);
    expect(sent(probe)).toEqual(['PING+1 0 0000000000000000']);
  });
});

describe('receiving (RFC 9113, 6.9)', () => {
  it('credit goes back at half a window, for the stream and for the connection', () => {
    const probe = tunnel(60_000);
    const stream = probe.stream(1);
    probe.receive(dataFrame(1, Buffer.alloc(40_000)));
    expect(probe.sent()).toEqual([]);
    probe.connection.consumed(stream, 29_999);
    expect(probe.sent()).toEqual([]);
    probe.connection.consumed(stream, 1);
    expect(sent(probe)).toEqual([grant(1, 30_000)]);
    probe.connection.consumed(stream, 10_000);
    expect(sent(probe)).toEqual([grant(0, 40_000)]);
  });

  it('never gives more credit than was received', () => {
    const probe = tunnel(100);
    probe.receive(dataFrame(1, Buffer.alloc(60)));
    probe.connection.consumed(probe.stream(1), 1_000_000);
    expect(sent(probe)).toEqual([grant(1, 60)]);
  });

  it('bytes of an ended stream still count for the connection until they are consumed', () => {
    const probe = tunnel(60_000);
    const stream = probe.stream(1);
    probe.receive(dataFrame(1, Buffer.alloc(40_000), FrameFlag.END_STREAM));
    probe.connection.end(stream);
    probe.sent();
    expect(probe.connection.activeStreams).toBe(0);
    probe.connection.consumed(stream, 40_000);
    expect(sent(probe)).toEqual([grant(0, 40_000)]);
  });

  it.each([
    ['we reset', (probe: Probe) => probe.connection.reset(probe.stream(1), Http2Code.CANCEL)],
    ['the peer reset', (probe: Probe) => probe.receive(rawFrame(FrameType.RST_STREAM, 0, 1, u32(8)))],
  ])('bytes of a stream that %s go back to the connection at once', (_name, reset) => {
    const probe = tunnel(60_000);
    probe.receive(dataFrame(1, Buffer.alloc(40_000)));
    reset(probe);
    expect(sent(probe)).toContain(grant(0, 40_000));
    probe.connection.consumed(probe.stream(1), 40_000);
    expect(probe.sent()).toEqual([]);
  });

  it('a frame whose stream is reset in its middle is thrown away and paid back', () => {
    const probe = tunnel(60_000);
    const frame = dataFrame(1, Buffer.alloc(40_000));
    probe.react.onData = (stream) => probe.connection.reset(stream, Http2Code.CANCEL);
    probe.receive(frame.subarray(0, 10_000));
    probe.receive(frame.subarray(10_000));
    expect(sent(probe)).toEqual(['RST_STREAM 1 00000008', grant(0, 40_000)]);
    expect(probe.fatal).toBeNull();
  });

  it('a window below 65,535 holds from the peer’s acknowledgement on (6.5.3)', () => {
    const probe = new Probe({ role: 'server', initialWindowBytes: 100 });
    probe.react.onRequest = (stream) => probe.connection.respond(stream, 200, []);
    probe.receive(CLIENT_PREFACE, settingsFrame(), headersFrame(1, CONNECT_FIELDS), dataFrame(1, Buffer.alloc(150)));
    expect(probe.events.at(-1)).not.toContain('reset');
    probe.receive(rawFrame(SETTINGS, 1, 0));
    probe.receive(dataFrame(1, 'x'));
    expect(probe.events.at(-1)).toBe(`1 reset ${Http2Code.FLOW_CONTROL_ERROR}`);
  });
});
