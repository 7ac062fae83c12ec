import { Http2Code } from './errors.js';
import { CLIENT_PREFACE, FrameFlag, FrameType, SettingId } from './frame-types.js';
import type { HeaderField } from './handler.js';
import { Probe } from './testing/probe.js';
import {
  block,
  CONNECT_FIELDS,
  dataFrame,
  describeFrame,
  GET_FIELDS,
  headersFrame,
  rawFrame,
  settingsFrame,
  u32,
} from './testing/raw-frames.js';

const {
  PROTOCOL_ERROR,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  STREAM_CLOSED,
  COMPRESSION_ERROR,
  REFUSED_STREAM,
  CANCEL,
} = Http2Code;
const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } =
  FrameType;
const END = FrameFlag.END_STREAM;
const WHOLE = FrameFlag.END_HEADERS;

const connect = (id = 1): Buffer => headersFrame(id, CONNECT_FIELDS);
const sent = (probe: Probe): string[] => probe.sent().map(describeFrame);
const rst = (id: number, code: number): string => `RST_STREAM ${id} ${code.toString(16).padStart(8, '0')}`;

/** A server with stream 1 open and answered. */
const tunnel = (): Probe => {
  const probe = Probe.server().receive(connect());
  probe.connection.respond(probe.stream(1), 200, []);
  probe.sent();
  probe.events.length = 0;
  return probe;
};

const clientTunnel = (): Probe => {
  const probe = Probe.client();
  probe.streams.set(1, probe.connection.connect('10.0.0.1:80', [])!);
  probe.receive(headersFrame(1, [[':status', '200']]));
  probe.sent();
  probe.events.length = 0;
  return probe;
};

describe('starting (RFC 9113, 3.4)', () => {
  it('a client sends the preface, SETTINGS and its connection window first', () => {
    const { out } = new Probe({ role: 'client' }).connection;
    expect(out.bytes.subarray(0, 24)).toEqual(CLIENT_PREFACE);
    const probe = new Probe({ role: 'client' });
    probe.connection.flushed(24);
    expect(sent(probe)).toEqual([
      'SETTINGS 0 000200000000000400400000000500100000000600004000',
      `WINDOW_UPDATE 0 ${(16 * 1024 * 1024 - 65_535).toString(16).padStart(8, '0')}`,
    ]);
  });

  it('a server sends SETTINGS with its stream limit and acknowledges the client', () => {
    const probe = new Probe({ role: 'server' });
    expect(sent(probe)[0]).toMatch(/^SETTINGS 0 0003000000c8/);
    probe.receive(CLIENT_PREFACE, settingsFrame());
    expect(sent(probe)).toEqual(['SETTINGS+1 0']);
  });

  it('a wrong client preface ends the connection', () => {
    const probe = new Probe({ role: 'server' }).receive(Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
    expect(probe.fatal).toMatchObject({ code: 'HBONE_PEER_VIOLATION', http2Code: PROTOCOL_ERROR });
  });

  it.each([
    ['another frame', rawFrame(PING, 0, 0, Buffer.alloc(8))],
    ['an acknowledgement', rawFrame(SETTINGS, 1, 0)],
    ['DATA', dataFrame(1, 'x')],
  ])('the first frame must be SETTINGS, not %s', (_name, frame) => {
    expect(new Probe({ role: 'server' }).receive(CLIENT_PREFACE, frame).fatal?.http2Code).toBe(PROTOCOL_ERROR);
    expect(new Probe({ role: 'client' }).receive(frame).fatal?.http2Code).toBe(PROTOCOL_ERROR);
  });
});

describe('connection errors: GOAWAY with the code, onFatal, then silence (5.4.1)', () => {
  const wrong: Array<[rule: string, code: number, frames: Buffer[]]> = [
    ['a frame above SETTINGS_MAX_FRAME_SIZE (4.2)', FRAME_SIZE_ERROR, [rawFrame(0x42, 0, 0, Buffer.alloc(1_048_577))]],
    ['DATA on stream 0 (6.1)', PROTOCOL_ERROR, [dataFrame(0, 'x')]],
    [
      'padding as long as the DATA frame (6.1)',
      PROTOCOL_ERROR,
      [connect(), rawFrame(DATA, 8, 1, Buffer.from([3, 0, 0]))],
    ],
    ['padded DATA without pad length (6.1)', FRAME_SIZE_ERROR, [connect(), rawFrame(DATA, 8, 1)]],
    ['HEADERS on stream 0 (6.2)', PROTOCOL_ERROR, [connect(0)]],
    ['padding longer than the HEADERS frame (6.2)', PROTOCOL_ERROR, [rawFrame(HEADERS, 12, 1, Buffer.from([9, 0x82]))]],
    ['HEADERS shorter than its priority fields (6.2)', FRAME_SIZE_ERROR, [rawFrame(HEADERS, 0x24, 1, Buffer.alloc(4))]],
    ['PRIORITY on stream 0 (6.3)', PROTOCOL_ERROR, [rawFrame(PRIORITY, 0, 0, Buffer.alloc(5))]],
    ['RST_STREAM on stream 0 (6.4)', PROTOCOL_ERROR, [rawFrame(RST_STREAM, 0, 0, u32(0))]],
    ['RST_STREAM on an idle stream (6.4)', PROTOCOL_ERROR, [rawFrame(RST_STREAM, 0, 1, u32(0))]],
    ['RST_STREAM not of 4 bytes (6.4)', FRAME_SIZE_ERROR, [rawFrame(RST_STREAM, 0, 1, Buffer.alloc(3))]],
    ['SETTINGS acknowledgement with payload (6.5)', FRAME_SIZE_ERROR, [rawFrame(SETTINGS, 1, 0, Buffer.alloc(6))]],
    ['SETTINGS on a stream (6.5)', PROTOCOL_ERROR, [rawFrame(SETTINGS, 0, 1)]],
    ['SETTINGS not a multiple of 6 bytes (6.5)', FRAME_SIZE_ERROR, [rawFrame(SETTINGS, 0, 0, Buffer.alloc(5))]],
    ['ENABLE_PUSH other than 0 or 1 (6.5.2)', PROTOCOL_ERROR, [settingsFrame([SettingId.ENABLE_PUSH, 2])]],
    [
      'a window above 2^31-1 (6.5.2)',
      FLOW_CONTROL_ERROR,
      [settingsFrame([SettingId.INITIAL_WINDOW_SIZE, 0x8000_0000])],
    ],
    ['a frame size below 16,384 (6.5.2)', PROTOCOL_ERROR, [settingsFrame([SettingId.MAX_FRAME_SIZE, 16_383])]],
    ['a frame size above 2^24-1 (6.5.2)', PROTOCOL_ERROR, [settingsFrame([SettingId.MAX_FRAME_SIZE, 16_777_216])]],
    ['PUSH_PROMISE from a client (8.4)', PROTOCOL_ERROR, [rawFrame(PUSH_PROMISE, 4, 1, u32(2))]],
    ['PING on a stream (6.7)', PROTOCOL_ERROR, [rawFrame(PING, 0, 1, Buffer.alloc(8))]],
    ['PING not of 8 bytes (6.7)', FRAME_SIZE_ERROR, [rawFrame(PING, 0, 0, Buffer.alloc(7))]],
    ['GOAWAY on a stream (6.8)', PROTOCOL_ERROR, [rawFrame(GOAWAY, 0, 1, u32(0, 0))]],
    ['GOAWAY shorter than 8 bytes', FRAME_SIZE_ERROR, [rawFrame(GOAWAY, 0, 0, u32(0))]],
    ['WINDOW_UPDATE of 0 for the connection (6.9)', PROTOCOL_ERROR, [rawFrame(WINDOW_UPDATE, 0, 0, u32(0))]],
    ['WINDOW_UPDATE not of 4 bytes (6.9)', FRAME_SIZE_ERROR, [rawFrame(WINDOW_UPDATE, 0, 0, Buffer.alloc(3))]],
    ['a connection window above 2^31-1 (6.9.1)', FLOW_CONTROL_ERROR, [rawFrame(WINDOW_UPDATE, 0, 0, u32(0x7fff_ffff))]],
    ['WINDOW_UPDATE on an idle stream (5.1)', PROTOCOL_ERROR, [rawFrame(WINDOW_UPDATE, 0, 1, u32(1))]],
    ['DATA on an idle stream (5.1)', PROTOCOL_ERROR, [dataFrame(1, 'x')]],
    ['CONTINUATION without HEADERS (6.10)', PROTOCOL_ERROR, [rawFrame(CONTINUATION, 4, 1)]],
    [
      'CONTINUATION of another stream (6.10)',
      PROTOCOL_ERROR,
      [rawFrame(HEADERS, 0, 1, block(CONNECT_FIELDS)), rawFrame(CONTINUATION, 4, 3)],
    ],
    [
      'another frame inside a header block (6.10)',
      PROTOCOL_ERROR,
      [rawFrame(HEADERS, 0, 1, block(CONNECT_FIELDS)), rawFrame(PING, 0, 0, Buffer.alloc(8))],
    ],
    [
      'an unknown frame inside a header block (5.5)',
      PROTOCOL_ERROR,
      [rawFrame(HEADERS, 0, 1, block(CONNECT_FIELDS)), rawFrame(0x42, 0, 0)],
    ],
    [
      'DATA inside a header block (6.10)',
      PROTOCOL_ERROR,
      [rawFrame(HEADERS, 0, 1, block(CONNECT_FIELDS)), dataFrame(1, 'x')],
    ],
    ['an even stream id from a client (5.1.1)', PROTOCOL_ERROR, [connect(2)]],
    ['a stream id below an earlier one (5.1.1)', PROTOCOL_ERROR, [connect(5), connect(3)]],
    ['a header block that cannot be decoded (4.3)', COMPRESSION_ERROR, [rawFrame(HEADERS, 4, 1, Buffer.from([0x80]))]],
    [
      'HEADERS on a stream that both sides ended (5.1)',
      STREAM_CLOSED,
      [connect(), rawFrame(RST_STREAM, 0, 1, u32(8)), connect()],
    ],
  ];
  it.each(wrong)('%s', (_rule, code, frames) => {
    const probe = Probe.server().receive(...frames);
    expect(probe.fatal).toMatchObject({ code: 'HBONE_PEER_VIOLATION', http2Code: code });
    const last = probe.sent().at(-1)!;
    expect(last).toMatchObject({ type: GOAWAY, streamId: 0 });
    expect(last.payload.readUInt32BE(4)).toBe(code);
    const before = probe.events.length;
    probe.receive(rawFrame(PING, 0, 0, Buffer.alloc(8)));
    expect(probe.connection).toMatchObject({ closing: true, out: { length: 0 } });
    expect(probe.events).toHaveLength(before);
  });

  it('DATA beyond the connection window (6.9.1)', () => {
    const probe = Probe.server({ connectionWindowBytes: 65_535, initialWindowBytes: 1_000_000 }).receive(connect());
    probe.connection.respond(probe.stream(1), 200, []);
    probe.receive(dataFrame(1, Buffer.alloc(65_535)));
    expect(probe.fatal).toBeNull();
    probe.receive(dataFrame(1, 'x'));
    expect(probe.fatal?.http2Code).toBe(FLOW_CONTROL_ERROR);
  });

  it('SETTINGS that make a stream window pass 2^31-1 (6.9.2)', () => {
    const probe = tunnel().receive(rawFrame(WINDOW_UPDATE, 0, 1, u32(0x7fff_ffff - 65_535)));
    expect(probe.fatal).toBeNull();
    probe.receive(settingsFrame([SettingId.INITIAL_WINDOW_SIZE, 65_536]));
    expect(probe.fatal?.http2Code).toBe(FLOW_CONTROL_ERROR);
  });

  it.each([
    ['ENABLE_PUSH 1 from a server (6.5.2)', settingsFrame([SettingId.ENABLE_PUSH, 1])],
    ['PUSH_PROMISE although push is off (8.4)', rawFrame(PUSH_PROMISE, 4, 1, u32(2))],
    ['HEADERS on a stream that was never opened', headersFrame(3, [[':status', '200']])],
    ['HEADERS on an even stream', headersFrame(2, [[':status', '200']])],
  ])('for a client: %s', (_rule, frame) => {
    expect(clientTunnel().receive(frame).fatal?.http2Code).toBe(PROTOCOL_ERROR);
  });
});

describe('stream errors: RST_STREAM, and the connection goes on (5.4.2)', () => {
  const withField = (...fields: HeaderField[]): Buffer => headersFrame(1, [...CONNECT_FIELDS, ...fields]);
  const malformed: Array<[rule: string, request: Buffer]> = [
    ['CONNECT with :scheme (8.5)', withField([':scheme', 'http'])],
    ['CONNECT with :path (8.5)', withField([':path', '/'])],
    ['CONNECT without :authority (8.5)', headersFrame(1, [[':method', 'CONNECT']])],
    [
      'CONNECT with empty :authority',
      headersFrame(1, [
        [':method', 'CONNECT'],
        [':authority', ''],
      ]),
    ],
    ['extended CONNECT, which was not offered (RFC 8441)', withField([':protocol', 'websocket'])],
    ['no :method (8.3.1)', headersFrame(1, [[':authority', 'a:1']])],
    [
      'GET without :path (8.3.1)',
      headersFrame(1, [
        [':method', 'GET'],
        [':scheme', 'http'],
      ]),
    ],
    ['a pseudo-header field twice (8.3)', withField([':method', 'CONNECT'])],
    ['an unknown pseudo-header field (8.3)', withField([':weft', '1'])],
    [':status in a request (8.3)', withField([':status', '200'])],
    ['a pseudo-header field after a regular one (8.3)', headersFrame(1, [['a', 'b'], ...CONNECT_FIELDS])],
    ['an upper-case field name (8.2.1)', withField(['Baggage', 'a'])],
    ['a blank in a field name', withField(['bag gage', 'a'])],
    ['an empty field name', withField(['', 'a'])],
    ['a line feed in a value (8.2.1)', withField(['baggage', 'a\nb'])],
    ['NUL in a value (8.2.1)', withField(['baggage', 'a\0b'])],
    [
      'a line feed in :authority',
      headersFrame(1, [
        [':method', 'CONNECT'],
        [':authority', 'a:1\r\nx: y'],
      ]),
    ],
    ['a value that starts with a blank (8.2.1)', withField(['baggage', ' a'])],
    ['a value that ends with TAB (8.2.1)', withField(['baggage', 'a\t'])],
    ['connection (8.2.2)', withField(['connection', 'close'])],
    ['transfer-encoding (8.2.2)', withField(['transfer-encoding', 'chunked'])],
    ['te other than trailers (8.2.2)', withField(['te', 'gzip'])],
    ['content-length that is no number', headersFrame(1, [...GET_FIELDS, ['content-length', '1x']])],
    [
      'content-length on a request without body (8.1.1)',
      headersFrame(1, [...GET_FIELDS, ['content-length', '1']], WHOLE | END),
    ],
  ];
  it.each(malformed)('a malformed request is reset: %s', (_rule, request) => {
    const probe = Probe.server().receive(request, connect(3));
    expect(sent(probe)).toEqual([rst(1, PROTOCOL_ERROR)]);
    expect(probe.events).toEqual(['3 request CONNECT 10.0.0.1:80 []']);
  });

  it.each([
    ['HEADERS on an open tunnel (8.5)', connect(), PROTOCOL_ERROR],
    ['WINDOW_UPDATE of 0 (6.9)', rawFrame(WINDOW_UPDATE, 0, 1, u32(0)), PROTOCOL_ERROR],
    ['a stream window above 2^31-1 (6.9.1)', rawFrame(WINDOW_UPDATE, 0, 1, u32(0x7fff_ffff)), FLOW_CONTROL_ERROR],
    ['PRIORITY not of 5 bytes (6.3)', rawFrame(PRIORITY, 0, 1, Buffer.alloc(4)), FRAME_SIZE_ERROR],
  ])('%s', (_rule, frame, code) => {
    const probe = tunnel().receive(frame);
    expect(sent(probe)).toEqual([rst(1, code)]);
    expect(probe.events).toEqual([`1 reset ${code}`]);
    expect(probe.connection.activeStreams).toBe(0);
  });

  it('DATA beyond the stream window, whose bytes go back to the connection (6.9.1)', () => {
    const probe = Probe.server({ initialWindowBytes: 10, connectionWindowBytes: 65_535 }).receive(connect());
    probe.connection.respond(probe.stream(1), 200, []);
    probe.sent();
    probe.receive(dataFrame(1, '0123456789'));
    expect(probe.sent()).toEqual([]);
    probe.receive(dataFrame(1, Buffer.alloc(40_000)));
    expect(sent(probe)).toEqual([
      rst(1, FLOW_CONTROL_ERROR),
      `WINDOW_UPDATE 0 ${(40_010).toString(16).padStart(8, '0')}`,
    ]);
  });

  it('no tunnel byte before the 200: DATA on an unanswered CONNECT', () => {
    const probe = Probe.server().receive(connect(), dataFrame(1, 'early'));
    expect(sent(probe)).toEqual([rst(1, PROTOCOL_ERROR)]);
    expect(probe.events.slice(1)).toEqual([`1 reset ${PROTOCOL_ERROR}`]);
  });

  it('DATA after END_STREAM is STREAM_CLOSED (5.1 half-closed remote)', () => {
    const probe = tunnel().receive(dataFrame(1, 'x', END), dataFrame(1, 'y'));
    expect(probe.events).toEqual(['1 data x', '1 end', `1 reset ${STREAM_CLOSED}`]);
  });

  it.each([
    ['GET whose body is shorter than content-length (8.1.1)', [dataFrame(1, 'ab', END)]],
    ['GET whose body is longer than content-length (8.1.1)', [dataFrame(1, 'abcd'), dataFrame(1, '', END)]],
    ['trailers without END_STREAM (8.1)', [dataFrame(1, 'abc'), headersFrame(1, [['a', 'b']])]],
    [
      'trailers with a pseudo-header field (8.1)',
      [dataFrame(1, 'abc'), headersFrame(1, [[':path', '/']], WHOLE | END)],
    ],
  ])('%s', (_rule, frames) => {
    const probe = Probe.server().receive(headersFrame(1, [...GET_FIELDS, ['content-length', '3']]), ...frames);
    expect(probe.events.at(-1)).toBe(`1 reset ${PROTOCOL_ERROR}`);
    expect(probe.fatal).toBeNull();
  });

  it.each([
    ['no :status', [['a', 'b']]],
    [':status 101', [[':status', '101']]],
    [':status of two digits', [[':status', '20']]],
    [
      ':method in a response',
      [
        [':status', '200'],
        [':method', 'GET'],
      ],
    ],
  ] as Array<[string, HeaderField[]]>)('a malformed response is reset: %s', (_rule, fields) => {
    const probe = Probe.client();
    probe.connection.connect('a:1', []);
    probe.sent();
    probe.receive(headersFrame(1, fields));
    expect(sent(probe)).toEqual([rst(1, PROTOCOL_ERROR)]);
    expect(probe.events).toEqual([`1 reset ${PROTOCOL_ERROR}`]);
  });

  it('DATA before a response', () => {
    const probe = Probe.client();
    probe.connection.connect('a:1', []);
    probe.sent();
    probe.receive(dataFrame(1, 'x'));
    expect(sent(probe)).toEqual([rst(1, PROTOCOL_ERROR)]);
  });
});

describe('what is ignored', () => {
  it('PRIORITY, unknown frames, unknown settings and flags, and the reserved bit (4.1, 5.5, 6.5.2)', () => {
    const probe = tunnel().receive(
      rawFrame(PRIORITY, 0, 7, Buffer.alloc(5)),
      rawFrame(0x42, 0xff, 1, Buffer.alloc(3000)),
      settingsFrame([0x99, 1]),
      rawFrame(DATA, 0xf6, 0x8000_0001, Buffer.from('x')),
    );
    expect(probe.events).toEqual(['1 data x']);
    expect(probe.connection.ignoredFrames).toBe(2);
    expect(sent(probe)).toEqual(['SETTINGS+1 0']);
  });

  it('padding and the priority fields of HEADERS', () => {
    const fields = block(CONNECT_FIELDS);
    const payload = Buffer.concat([Buffer.from([4]), u32(0), Buffer.from([15]), fields, Buffer.alloc(4)]);
    const probe = Probe.server().receive(rawFrame(HEADERS, 0x2c, 1, payload));
    expect(probe.events).toEqual(['1 request CONNECT 10.0.0.1:80 []']);
  });

  it('padding of DATA, which still costs flow control (6.1)', () => {
    const probe = Probe.server({ initialWindowBytes: 100 }).receive(connect());
    probe.connection.respond(probe.stream(1), 200, []);
    probe.sent();
    probe.receive(rawFrame(DATA, 8, 1, Buffer.from([60, ...Buffer.from('ab'), ...Buffer.alloc(60)])));
    expect(probe.events.at(-1)).toBe('1 data ab');
    expect(sent(probe)).toEqual(['WINDOW_UPDATE 1 0000003d']);
  });

  it('frames that were on their way when we reset the stream (5.4.2)', () => {
    const probe = tunnel();
    probe.connection.reset(probe.stream(1), CANCEL);
    probe.sent();
    probe.receive(
      dataFrame(1, 'late'),
      connect(),
      rawFrame(RST_STREAM, 0, 1, u32(0)),
      rawFrame(WINDOW_UPDATE, 0, 1, u32(9)),
    );
    expect(probe.events).toEqual([]);
    expect(probe.sent()).toEqual([]);
  });

  it('informational responses (8.1)', () => {
    const probe = Probe.client();
    probe.connection.connect('a:1', []);
    probe.receive(headersFrame(1, [[':status', '103']]), headersFrame(1, [[':status', '200']]));
    expect(probe.events).toEqual(['1 response 200 []']);
  });
});

describe('streams', () => {
  it('a request block may span CONTINUATION frames (6.10)', () => {
    const bytes = block([...CONNECT_FIELDS, ['forwarded', 'for="10.0.0.2:1"']]);
    const probe = Probe.server().receive(
      rawFrame(HEADERS, END, 1, bytes.subarray(0, 3)),
      rawFrame(CONTINUATION, 0, 1, bytes.subarray(3, 9)),
      rawFrame(CONTINUATION, WHOLE, 1, bytes.subarray(9)),
    );
    expect(probe.events).toEqual(['1 request CONNECT 10.0.0.1:80 [["forwarded","for=\\"10.0.0.2:1\\""]]', '1 end']);
  });

  it('a response block of more than 16,384 bytes is sent with CONTINUATION', () => {
    const probe = Probe.server().receive(connect());
    probe.connection.respond(probe.stream(1), 200, [['x', '\u007e'.repeat(20_000)]]);
    const frames = probe.sent();
    expect(frames.map(({ type, flags }) => [type, flags])).toEqual([
      [HEADERS, 0],
      [CONTINUATION, WHOLE],
    ]);
    expect(frames[0]!.payload).toHaveLength(16_384);
  });

  it('halves close on their own; the stream is gone when both did (5.1)', () => {
    const probe = tunnel();
    const stream = probe.stream(1);
    probe.connection.end(stream);
    expect(sent(probe)).toEqual(['DATA+1 1']);
    expect(stream).toMatchObject({ localEnded: true, remoteEnded: false });
    probe.receive(dataFrame(1, 'still here'));
    expect(probe.connection.activeStreams).toBe(1);
    probe.receive(dataFrame(1, '', END));
    expect(probe.events).toEqual(['1 data still here', '1 end']);
    expect(probe.connection.activeStreams).toBe(0);
  });

  it('a server refuses streams above its limit, which are safe to retry (5.1.2)', () => {
    const probe = Probe.server({ maxConcurrentStreams: 1 }).receive(connect(1), connect(3));
    expect(sent(probe)).toEqual([rst(3, REFUSED_STREAM)]);
    expect(probe.connection.activeStreams).toBe(1);
    probe.receive(rawFrame(RST_STREAM, 0, 1, u32(CANCEL)), connect(5));
    expect(probe.events.slice(1)).toEqual([`1 reset ${CANCEL}`, '5 request CONNECT 10.0.0.1:80 []']);
  });

  it('a client keeps to the smaller of its own limit and the peer’s', () => {
    const probe = Probe.client({ maxConcurrentStreams: 3 });
    for (let i = 0; i < 3; i++) expect(probe.connection.connect('a:1', [])).not.toBeNull();
    expect(probe.connection.connect('a:1', [])).toBeNull();
    const other = Probe.client().receive(settingsFrame([SettingId.MAX_CONCURRENT_STREAMS, 1]));
    expect(other.connection.connect('a:1', [])?.id).toBe(1);
    expect(other.connection.canOpen()).toBe(false);
  });

  it('an error answer ends the stream and frees its place', () => {
    const probe = Probe.server().receive(connect());
    probe.connection.respond(probe.stream(1), 503, [], true);
    expect(probe.sent().map(({ type, flags }) => [type, flags])).toEqual([
      [HEADERS, WHOLE | END],
      [RST_STREAM, 0],
    ]);
    expect(probe.connection.activeStreams).toBe(0);
  });

  it('connect and respond refuse text that must not go on the wire', () => {
    const probe = Probe.client();
    expect(() => probe.connection.connect('a:1\r\nx: y', [])).toThrow('illegal CONNECT authority');
    expect(() => probe.connection.connect('a:1', [['baggage', 'a\n']])).toThrow('illegal value of baggage');
    expect(() => probe.connection.connect('a:1', [['x', 'v'.repeat(300_000)]])).toThrow('never fits');
    expect(() => probe.connection.connect('a:1', [['Baggage', 'a']])).toThrow('illegal field name');
    expect(probe.connection.activeStreams).toBe(0);
  });

  it('only tunnel methods of a gone stream are harmless', () => {
    const probe = tunnel().receive(rawFrame(RST_STREAM, 0, 1, u32(CANCEL)));
    const stream = probe.stream(1);
    const { connection } = probe;
    connection.end(stream);
    connection.reset(stream, CANCEL);
    connection.consumed(stream, 5);
    connection.respond(stream, 200, []);
    expect(connection.reserve(stream).length).toBe(0);
    expect(probe.sent()).toEqual([]);
  });
});

describe('GOAWAY (6.8)', () => {
  it('a server drains in two steps: requests on their way are served, later ones refused', () => {
    const probe = tunnel();
    probe.connection.shutdown();
    expect(probe.connection.closing).toBe(true);
    const [first, ping] = probe.sent();
    expect(first!.payload.toString('hex')).toBe('7fffffff00000000');
    probe.receive(connect(3));
    expect(probe.events).toEqual(['3 request CONNECT 10.0.0.1:80 []']);
    probe.receive(rawFrame(PING, FrameFlag.ACK, 0, ping!.payload));
    expect(sent(probe)).toEqual(['GOAWAY 0 0000000300000000']);
    probe.receive(connect(5), dataFrame(1, 'x'));
    expect(sent(probe)).toEqual([rst(5, REFUSED_STREAM)]);
    expect(probe.events.at(-1)).toBe('1 data x');
  });

  it('the last stream id never grows from one GOAWAY to the next', () => {
    const probe = tunnel();
    probe.connection.shutdown();
    const [, ping] = probe.sent();
    probe.receive(rawFrame(PING, FrameFlag.ACK, 0, ping!.payload), connect(3));
    probe.sent();
    probe.connection.goaway(Http2Code.NO_ERROR);
    expect(sent(probe)).toEqual(['GOAWAY 0 0000000100000000']);
  });

  it('the second step does not wait for a PONG forever', () => {
    const probe = tunnel();
    probe.connection.shutdown();
    probe.sent();
    probe.connection.tick(0);
    probe.connection.tick(4_999);
    expect(probe.sent()).toEqual([]);
    probe.connection.tick(5_000);
    expect(sent(probe)).toEqual(['GOAWAY 0 0000000100000000']);
  });

  it('a client stops opening, and learns which streams were not served', () => {
    const probe = clientTunnel();
    probe.streams.set(3, probe.connection.connect('a:1', [])!);
    probe.receive(rawFrame(GOAWAY, 0, 0, Buffer.concat([u32(1, 0), Buffer.from('bye')])));
    expect(probe.events).toEqual([`3 reset ${REFUSED_STREAM}`, 'goaway 1 0 bye']);
    expect(probe.connection).toMatchObject({ closing: true, activeStreams: 1 });
    expect(probe.connection.connect('a:1', [])).toBeNull();
    probe.receive(dataFrame(1, 'goes on'));
    expect(probe.events.at(-1)).toBe('1 data goes on');
  });

  it('goaway() is the last word', () => {
    const probe = tunnel();
    probe.connection.goaway(Http2Code.NO_ERROR);
    expect(sent(probe)).toEqual(['GOAWAY 0 0000000100000000']);
    probe.receive(dataFrame(1, 'x'));
    expect(probe.events).toEqual([]);
    expect([...probe.connection.streams()].map(({ id }) => id)).toEqual([1]);
  });
});

describe('trailers (RFC 9113, 8.1)', () => {
  it('end an answered stream behind its DATA, once', () => {
    const probe = Probe.server().receive(headersFrame(1, GET_FIELDS, END | WHOLE));
    const stream = probe.stream(1);
    probe.connection.trailers(stream, [['grpc-status', '0']]);
    expect(sent(probe)).toEqual([]);
    probe.connection.respond(stream, 200, []);
    expect(probe.send(stream, 'ok')).toBe('');
    probe.connection.trailers(stream, [['grpc-status', '0']]);
    probe.connection.trailers(stream, [['grpc-status', '1']]);
    const frames = probe.sent();
    expect(frames.map(({ type, flags }) => [type, flags & END])).toEqual([[HEADERS, 0], [DATA, 0], [HEADERS, END]]); // prettier-ignore
    expect(probe.connection.activeStreams).toBe(0);
  });

  it('with illegal text are refused to whoever wants to send them', () => {
    const probe = Probe.server().receive(headersFrame(1, GET_FIELDS, END | WHOLE));
    probe.connection.respond(probe.stream(1), 200, []);
    expect(() => probe.connection.trailers(probe.stream(1), [['grpc-message', 'a\nb']])).toThrow('grpc-message');
  });
});
