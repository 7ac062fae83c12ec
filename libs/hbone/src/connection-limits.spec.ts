import { Http2Code } from './errors.js';
import { CLIENT_PREFACE, FrameFlag, FrameType, SettingId } from './frame-types.js';
import type { HeaderField } from './handler.js';
import { HBONE_LIMITS } from './limits.js';
import { Probe } from './testing/probe.js';
import {
  block,
  CONNECT_FIELDS,
  dataFrame,
  describeFrame,
  headersFrame,
  rawFrame,
  settingsFrame,
  u32,
} from './testing/raw-frames.js';

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } = FrameType;
const { ENHANCE_YOUR_CALM, CANCEL, NO_ERROR, SETTINGS_TIMEOUT } = Http2Code;
const WHOLE = FrameFlag.END_HEADERS;

const ping = rawFrame(PING, 0, 0, Buffer.alloc(8));
const connect = (id: number): Buffer => headersFrame(id, CONNECT_FIELDS);
const answered = (probe: Probe): Probe => {
  probe.react.onRequest = (stream) => probe.connection.respond(stream, 200, []);
  return probe;
};

/** Feeds frames until the connection ends; returns how many it took, or -1 when `max` were not enough. */
function framesUntilFatal(probe: Probe, max: number, frame: (i: number) => Buffer, read = true): number {
  for (let i = 0; i < max; i++) {
    probe.receive(frame(i));
    if (probe.fatal !== null) return i + 1;
    if (read) probe.sent();
  }
  return -1;
}

const exceeded = { code: 'HBONE_LIMIT_EXCEEDED', http2Code: ENHANCE_YOUR_CALM };

describe('floods end the connection with ENHANCE_YOUR_CALM', () => {
  it('PING whose answers are not read (CVE-2019-9512): 1,000 answers wait at most', () => {
    const probe = Probe.server();
    probe.connection.tick(0);
    expect(framesUntilFatal(probe, 500, () => ping, false)).toBe(-1);
    probe.connection.tick(100_000);
    expect(framesUntilFatal(probe, 1000, () => ping, false)).toBe(501);
    expect(probe.fatal).toMatchObject({ code: 'HBONE_OUTPUT_FULL', http2Code: ENHANCE_YOUR_CALM });
  });

  it('PING that is read: a burst of 1,000, then 100 each second', () => {
    const probe = Probe.server();
    probe.connection.tick(0);
    expect(framesUntilFatal(probe, 1000, () => ping)).toBe(-1);
    probe.connection.tick(1000);
    expect(framesUntilFatal(probe, 1000, () => ping)).toBe(101);
    expect(probe.fatal).toMatchObject(exceeded);
  });

  it('SETTINGS (CVE-2019-9515)', () => {
    const probe = Probe.server();
    expect(framesUntilFatal(probe, 200, () => settingsFrame())).toBe(HBONE_LIMITS.settingsFrames.burst);
    expect(probe.fatal).toMatchObject(exceeded);
  });

  it('SETTINGS with too many entries', () => {
    const entries = Array.from({ length: 65 }, (_, i) => [0x100 + i, 0] as const);
    expect(Probe.server().receive(settingsFrame(...entries)).fatal?.http2Code).toBe(ENHANCE_YOUR_CALM);
    expect(Probe.server().receive(settingsFrame(...entries.slice(1))).fatal).toBeNull();
  });

  it('rapid reset (CVE-2023-44487): 500 streams reset before they were answered', () => {
    const probe = Probe.server();
    const pair = (i: number): Buffer =>
      Buffer.concat([connect(2 * i + 1), rawFrame(RST_STREAM, 0, 2 * i + 1, u32(CANCEL))]);
    expect(framesUntilFatal(probe, 1000, pair)).toBe(501);
    expect(probe.fatal).toMatchObject(exceeded);
    // Nobody was told of its end, so it must be found by who tears the connection down.
    expect([...probe.connection.streams()].map(({ id }) => id)).toEqual([1001]);
  });

  it('resets of answered streams are normal use', () => {
    const probe = answered(Probe.server());
    const pair = (i: number): Buffer =>
      Buffer.concat([connect(2 * i + 1), rawFrame(RST_STREAM, 0, 2 * i + 1, u32(CANCEL))]);
    expect(framesUntilFatal(probe, 3000, pair)).toBe(-1);
  });

  it('streams that we are made to reset (CVE-2025-8671) count the same', () => {
    const probe = answered(Probe.server());
    probe.receive(connect(1));
    expect(framesUntilFatal(probe, 1000, () => rawFrame(PRIORITY, 0, 1, Buffer.alloc(4)))).toBeLessThanOrEqual(501);
    const other = Probe.server({ maxConcurrentStreams: 0 });
    expect(framesUntilFatal(other, 1000, (i) => connect(2 * i + 1))).toBe(501);
    expect(other.fatal).toMatchObject(exceeded);
  });

  it('the reset budget comes back with time', () => {
    const probe = Probe.server({ maxConcurrentStreams: 0 });
    probe.connection.tick(0);
    expect(framesUntilFatal(probe, 500, (i) => connect(2 * i + 1))).toBe(-1);
    probe.connection.tick(1000);
    expect(framesUntilFatal(probe, 500, (i) => connect(2 * i + 1001))).toBe(51);
  });

  it.each([
    ['DATA', (id: number) => dataFrame(id, '')],
    ['DATA that is only padding', (id: number) => rawFrame(DATA, 8, id, Buffer.from([2, 0, 0]))],
  ])('empty %s, the second in a row (CVE-2019-9518)', (_name, frame) => {
    const probe = answered(Probe.server()).receive(connect(1), frame(1));
    expect(probe.fatal).toBeNull();
    probe.receive(dataFrame(1, 'x'), frame(1));
    expect(probe.fatal).toBeNull();
    probe.receive(frame(1));
    expect(probe.fatal).toMatchObject(exceeded);
  });

  it('empty CONTINUATION, the second in a row (CVE-2019-9518)', () => {
    const empty = rawFrame(CONTINUATION, 0, 1);
    const probe = Probe.server().receive(rawFrame(HEADERS, 0, 1, block(CONNECT_FIELDS)), empty);
    expect(probe.fatal).toBeNull();
    expect(probe.receive(empty).fatal).toMatchObject(exceeded);
  });

  it('PRIORITY: 100 x (1 + streams opened)', () => {
    const priority = rawFrame(PRIORITY, 0, 1001, Buffer.alloc(5));
    expect(framesUntilFatal(Probe.server(), 1000, () => priority)).toBe(101);
    expect(framesUntilFatal(Probe.server().receive(connect(1)), 1000, () => priority)).toBe(201);
  });

  it('frames of unknown type: the same', () => {
    expect(framesUntilFatal(Probe.server(), 1000, () => rawFrame(0xee, 0, 0))).toBe(101);
  });

  it('PONG without PING: the same', () => {
    const pong = rawFrame(PING, FrameFlag.ACK, 0, Buffer.from('weftlive'));
    expect(framesUntilFatal(Probe.server(), 1000, () => pong)).toBe(101);
  });

  it('RST_STREAM for streams that are gone: the same', () => {
    const probe = answered(Probe.server()).receive(connect(1));
    probe.connection.reset(probe.stream(1), CANCEL);
    expect(framesUntilFatal(probe, 1000, () => rawFrame(RST_STREAM, 0, 1, u32(CANCEL)))).toBe(201);
  });

  it('DATA for streams that we reset may use up their windows, in frames of any size, and no more', () => {
    const probe = answered(Probe.server({ initialWindowBytes: 5000 })).receive(
      connect(1),
      connect(3),
      dataFrame(1, Buffer.alloc(2000)),
    );
    for (const id of [1, 3]) probe.connection.reset(probe.stream(id), CANCEL);
    for (let i = 0; i < 8000; i++) probe.receive(dataFrame(i < 3000 ? 1 : 3, 'x'));
    expect(probe.fatal).toBeNull();
    probe.receive(dataFrame(3, 'x'));
    expect(probe.fatal).toMatchObject({ code: 'HBONE_PEER_VIOLATION', http2Code: Http2Code.STREAM_CLOSED });
  });

  it('DATA for a stream that we refused may use up its window', () => {
    const probe = Probe.server({ initialWindowBytes: 5000, maxConcurrentStreams: 0 }).receive(connect(1));
    expect(probe.receive(dataFrame(1, Buffer.alloc(5000))).fatal).toBeNull();
    expect(probe.receive(dataFrame(1, 'x')).fatal?.http2Code).toBe(Http2Code.STREAM_CLOSED);
  });

  it('WINDOW_UPDATE: 5 + 2 x (streams + 10 x DATA sent in units of 16 KiB)', () => {
    const update = rawFrame(WINDOW_UPDATE, 0, 0, u32(1));
    expect(framesUntilFatal(Probe.server(), 1000, () => update)).toBe(6);
    const probe = answered(Probe.server()).receive(settingsFrame([SettingId.MAX_FRAME_SIZE, 20_000]), connect(1));
    probe.send(probe.stream(1), 'x'.repeat(16_385));
    expect(framesUntilFatal(probe, 1000, () => update)).toBe(5 + 2 * (1 + 10 * 2) + 1);
  });

  it('GOAWAY', () => {
    expect(framesUntilFatal(Probe.client(), 1000, () => rawFrame(GOAWAY, 0, 0, u32(0, 0)))).toBe(101);
    const debug = rawFrame(GOAWAY, 0, 0, Buffer.alloc(8 + HBONE_LIMITS.goawayDebugBytes + 1));
    expect(Probe.client().receive(debug).fatal?.http2Code).toBe(ENHANCE_YOUR_CALM);
  });
});

describe('header blocks', () => {
  it('CONTINUATION frames are counted (CVE-2024-30255)', () => {
    const probe = Probe.server().receive(rawFrame(HEADERS, 0, 1, block(CONNECT_FIELDS)));
    expect(framesUntilFatal(probe, 1000, () => rawFrame(CONTINUATION, 0, 1, Buffer.from([0x82])))).toBe(65);
    expect(probe.fatal).toMatchObject(exceeded);
  });

  it('the encoded block is bounded before it is kept (CVE-2024-27919)', () => {
    const probe = Probe.server({ maxHeaderListBytes: 1000 }).receive(rawFrame(HEADERS, 0, 1, Buffer.alloc(1500, 0x82)));
    expect(probe.fatal).toBeNull();
    const header = rawFrame(CONTINUATION, 0, 1, Buffer.alloc(501)).subarray(0, 9);
    expect(probe.receive(header).fatal?.http2Code).toBe(ENHANCE_YOUR_CALM);
  });

  const sent = (probe: Probe): string[] => probe.sent().map((frame) => describeFrame(frame).split(' ', 2).join(' '));
  const many: HeaderField[] = Array.from({ length: 101 }, (_, i) => [`x-${i}`, 'v']);
  const long: HeaderField[] = Array.from({ length: 3 }, (_, i) => [`x-${i}`, 'v'.repeat(25_000)]);
  it.each([
    ['too many fields', many],
    ['more decoded bytes than SETTINGS_MAX_HEADER_LIST_SIZE (CVE-2026-47774)', long],
  ])('a server answers 431 to %s and goes on', (_name, extra) => {
    const probe = Probe.server().receive(headersFrame(1, [...CONNECT_FIELDS, ...extra]));
    expect(sent(probe)).toEqual(['HEADERS+5 1', 'RST_STREAM 1']);
    expect(probe.events).toEqual([]);
    probe.receive(connect(3));
    expect(probe.events).toEqual(['3 request CONNECT 10.0.0.1:80 []']);
  });

  it('a client resets a stream whose response has too large a header list', () => {
    const probe = Probe.client();
    probe.connection.connect('a:1', []);
    probe.sent();
    probe.receive(
      headersFrame(1, [
        [':status', '200'],
        ['x', 'v'.repeat(17_000)],
      ]),
    );
    expect(probe.events).toEqual([`1 reset ${ENHANCE_YOUR_CALM}`]);
    expect(probe.fatal).toBeNull();
  });

  it('too many 1xx responses end the stream', () => {
    const probe = Probe.client();
    probe.connection.connect('a:1', []);
    const hint = headersFrame(1, [[':status', '103']]);
    probe.receive(...Array.from({ length: 8 }, () => hint));
    expect(probe.events).toEqual([]);
    expect(probe.receive(hint).events).toEqual([`1 reset ${Http2Code.PROTOCOL_ERROR}`]);
  });
});

describe('output that is not read', () => {
  it('DATA and requests stop at the capacity; control frames go on behind it', () => {
    const probe = Probe.client({ outputCapacityBytes: 1000 });
    const { connection } = probe;
    probe.streams.set(1, connection.connect('a:1', [])!);
    probe.receive(headersFrame(1, [[':status', '200']]));
    expect(probe.send(probe.stream(1), 'x'.repeat(2000)).length).toBeGreaterThan(1000);
    expect(connection.out.length).toBe(1000);
    expect(connection.reserve(probe.stream(1)).length).toBe(0);
    expect(connection.connect('a:1', [])).toBeNull();
    probe.receive(ping);
    expect(connection.out.length).toBe(1017);
    connection.flushed();
    expect(probe.events.at(-1)).toBe('1 writable');
    expect(connection.connect('a:1', [])?.id).toBe(3);
  });

  it('answers that fill the control room end the connection, and GOAWAY still fits', () => {
    const probe = Probe.server({ outputCapacityBytes: 100 });
    const secret: HeaderField = ['set-cookie', '~'.repeat(8000)];
    probe.react.onRequest = (stream) => probe.connection.respond(stream, 403, [secret], true);
    expect(framesUntilFatal(probe, 1000, (i) => connect(2 * i + 1), false)).toBeLessThan(20);
    expect(probe.fatal).toMatchObject({ code: 'HBONE_OUTPUT_FULL', http2Code: ENHANCE_YOUR_CALM });
    expect(probe.sent().at(-1)).toMatchObject({ type: GOAWAY });
  });

  it('a partial flush keeps the rest', () => {
    const probe = Probe.server().receive(ping, rawFrame(PING, 0, 0, Buffer.from('12345678')));
    probe.connection.flushed(20);
    expect(probe.connection.out.bytes.subarray(0, 14).toString('hex')).toBe('060100000000' + '3132333435363738');
    probe.connection.flushed(14);
    expect(probe.connection.out.length).toBe(0);
  });

  it('partial flushes age the answers that wait', () => {
    const probe = Probe.server();
    probe.connection.tick(0);
    for (let i = 0; i < 1800; i++) {
      if (i === 900) probe.connection.tick(9000);
      probe.receive(ping);
      if (i >= 100) probe.connection.flushed(17);
    }
    expect(probe.fatal).toBeNull();
    expect(probe.connection.out.length).toBe(100 * 17);
  });

  it('onOutput reports the first frame after each emptying', () => {
    const probe = Probe.server();
    let calls = 0;
    probe.react.onOutput = () => calls++;
    probe.receive(ping, ping);
    expect(calls).toBe(1);
    probe.connection.flushed(5);
    probe.receive(ping);
    expect(calls).toBe(1);
    probe.connection.flushed();
    probe.receive(ping);
    expect(calls).toBe(2);
  });
});

describe('liveness', () => {
  const pong = rawFrame(PING, FrameFlag.ACK, 0, Buffer.from('weftlive'));

  it('PING after 10 s, then 10 s after each PONG', () => {
    const probe = Probe.server();
    const pings: number[] = [];
    for (let second = 0; second <= 35; second++) {
      probe.connection.tick(second * 1000);
      if (probe.sent().length > 0) {
        pings.push(second);
        probe.receive(pong);
      }
    }
    expect(pings).toEqual([10, 21, 32]);
    expect(probe.fatal).toBeNull();
  });

  it('no PONG for 20 s ends the connection without an error code', () => {
    const probe = Probe.server();
    for (let second = 0; second < 30; second++) probe.connection.tick(second * 1000);
    expect(probe.fatal).toBeNull();
    probe.connection.tick(30_000);
    expect(probe.fatal).toMatchObject({ code: 'HBONE_PING_TIMEOUT', http2Code: NO_ERROR });
  });

  it('a PONG that nobody asked for is no sign of life', () => {
    const probe = Probe.server();
    probe.connection.tick(0);
    probe.connection.tick(10_000);
    probe.receive(rawFrame(PING, FrameFlag.ACK, 0, Buffer.alloc(8)));
    expect(probe.connection.ignoredFrames).toBe(1);
    probe.connection.tick(30_000);
    expect(probe.fatal?.code).toBe('HBONE_PING_TIMEOUT');
  });

  it('SETTINGS must be acknowledged within 20 s (6.5.3)', () => {
    const probe = new Probe({ role: 'server' }).receive(CLIENT_PREFACE, settingsFrame());
    probe.connection.tick(0);
    probe.connection.tick(19_999);
    expect(probe.fatal).toBeNull();
    probe.connection.tick(20_000);
    expect(probe.fatal).toMatchObject({ code: 'HBONE_SETTINGS_TIMEOUT', http2Code: SETTINGS_TIMEOUT });
    expect(
      new Probe({ role: 'server' }).receive(
        CLIENT_PREFACE,
        settingsFrame(),
        rawFrame(SETTINGS, 1, 0),
        rawFrame(SETTINGS, 1, 0),
        headersFrame(1, CONNECT_FIELDS, WHOLE),
      ).fatal,
    ).toBeNull();
  });
});
