import { Http2Code } from './errors.js';
import { FrameFlag, FrameType, SettingId } from './frame-types.js';
import { Probe } from './testing/probe.js';
import { dataFrame, describeFrame, headersFrame, rawFrame, settingsFrame, u32 } from './testing/raw-frames.js';

// h2spec tests servers. This is its list turned round: what a server may do wrong, by the section of RFC 9113 (or RFC 7541)
// that says so, and what our client must make of it.

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } =
  FrameType;
const { PROTOCOL_ERROR, FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR, COMPRESSION_ERROR, STREAM_CLOSED } = Http2Code;
const END = FrameFlag.END_STREAM;
const WHOLE = FrameFlag.END_HEADERS;
const OK = headersFrame(1, [[':status', '200']]);

/** A client with one CONNECT on its way. */
function asking(): Probe {
  const probe = Probe.client();
  const stream = probe.connection.connect('10.0.0.1:80', [])!;
  probe.streams.set(stream.id, stream);
  probe.sent();
  return probe;
}

/** One whose CONNECT was answered with 200. */
function tunnelled(): Probe {
  const probe = asking().receive(OK);
  probe.events.length = 0;
  probe.sent();
  return probe;
}

const sent = (probe: Probe): string[] => probe.sent().map(describeFrame);
const hex32 = (value: number): string => value.toString(16).padStart(8, '0');

type Case = readonly [rule: string, code: number, frames: readonly Buffer[]];

describe('connection errors: GOAWAY with the code, then silence (5.4.1)', () => {
  const cases: readonly Case[] = [
    [
      '4.2: a frame above our SETTINGS_MAX_FRAME_SIZE',
      FRAME_SIZE_ERROR,
      [rawFrame(DATA, 0, 1, Buffer.alloc(1_048_577))],
    ],
    ['4.2: HEADERS above it', FRAME_SIZE_ERROR, [rawFrame(HEADERS, WHOLE, 1, Buffer.alloc(1_048_577))]],
    [
      '4.3: a header block that cannot be decoded',
      COMPRESSION_ERROR,
      [rawFrame(HEADERS, WHOLE, 1, Buffer.from([0x80]))],
    ],
    [
      '4.3: PRIORITY inside of a header block',
      PROTOCOL_ERROR,
      [rawFrame(HEADERS, 0, 1, Buffer.from([0x88])), rawFrame(PRIORITY, 0, 1, Buffer.alloc(5))],
    ],
    [
      '4.3: HEADERS of another stream inside of a header block',
      PROTOCOL_ERROR,
      [rawFrame(HEADERS, 0, 1, Buffer.from([0x88])), headersFrame(3, [[':status', '200']])],
    ],
    ['5.1: DATA on an idle stream', PROTOCOL_ERROR, [dataFrame(3, 'x')]],
    ['5.1: RST_STREAM on an idle stream', PROTOCOL_ERROR, [rawFrame(RST_STREAM, 0, 3, u32(8))]],
    ['5.1: WINDOW_UPDATE on an idle stream', PROTOCOL_ERROR, [rawFrame(WINDOW_UPDATE, 0, 3, u32(1))]],
    ['5.1: HEADERS on an idle stream', PROTOCOL_ERROR, [headersFrame(3, [[':status', '200']])]],
    ['5.1.1: a stream of the server’s own', PROTOCOL_ERROR, [headersFrame(2, [[':status', '200']])]],
    ['6.1: DATA on stream 0', PROTOCOL_ERROR, [dataFrame(0, 'x')]],
    ['6.1: padding as long as the frame', PROTOCOL_ERROR, [rawFrame(DATA, 8, 1, Buffer.from([2, 0]))]],
    ['6.2: HEADERS on stream 0', PROTOCOL_ERROR, [headersFrame(0, [[':status', '200']])]],
    ['6.2: padding longer than HEADERS', PROTOCOL_ERROR, [rawFrame(HEADERS, WHOLE | 8, 1, Buffer.from([9, 0x88]))]],
    ['6.3: PRIORITY on stream 0', PROTOCOL_ERROR, [rawFrame(PRIORITY, 0, 0, Buffer.alloc(5))]],
    ['6.4: RST_STREAM on stream 0', PROTOCOL_ERROR, [rawFrame(RST_STREAM, 0, 0, u32(0))]],
    ['6.4: RST_STREAM not of 4 bytes', FRAME_SIZE_ERROR, [rawFrame(RST_STREAM, 0, 1, Buffer.alloc(5))]],
    ['6.5: SETTINGS acknowledgement with payload', FRAME_SIZE_ERROR, [rawFrame(SETTINGS, 1, 0, Buffer.alloc(6))]],
    ['6.5: SETTINGS on a stream', PROTOCOL_ERROR, [rawFrame(SETTINGS, 0, 1)]],
    ['6.5: SETTINGS not a multiple of 6', FRAME_SIZE_ERROR, [rawFrame(SETTINGS, 0, 0, Buffer.alloc(3))]],
    ['6.5.2: ENABLE_PUSH 1 from a server', PROTOCOL_ERROR, [settingsFrame([SettingId.ENABLE_PUSH, 1])]],
    [
      '6.5.2: INITIAL_WINDOW_SIZE above 2^31-1',
      FLOW_CONTROL_ERROR,
      [settingsFrame([SettingId.INITIAL_WINDOW_SIZE, 0x8000_0000])],
    ],
    ['6.5.2: MAX_FRAME_SIZE below 16,384', PROTOCOL_ERROR, [settingsFrame([SettingId.MAX_FRAME_SIZE, 16_383])]],
    ['6.5.2: MAX_FRAME_SIZE above 2^24-1', PROTOCOL_ERROR, [settingsFrame([SettingId.MAX_FRAME_SIZE, 2 ** 24])]],
    ['6.6: PUSH_PROMISE although push is off', PROTOCOL_ERROR, [rawFrame(PUSH_PROMISE, WHOLE, 1, u32(2))]],
    ['6.7: PING on a stream', PROTOCOL_ERROR, [rawFrame(PING, 0, 1, Buffer.alloc(8))]],
    ['6.7: PING not of 8 bytes', FRAME_SIZE_ERROR, [rawFrame(PING, 0, 0, Buffer.alloc(6))]],
    ['6.8: GOAWAY on a stream', PROTOCOL_ERROR, [rawFrame(GOAWAY, 0, 1, u32(0, 0))]],
    ['6.9: WINDOW_UPDATE of 0 for the connection', PROTOCOL_ERROR, [rawFrame(WINDOW_UPDATE, 0, 0, u32(0))]],
    ['6.9: WINDOW_UPDATE not of 4 bytes', FRAME_SIZE_ERROR, [rawFrame(WINDOW_UPDATE, 0, 0, Buffer.alloc(3))]],
    ['6.9.1: a connection window above 2^31-1', FLOW_CONTROL_ERROR, [rawFrame(WINDOW_UPDATE, 0, 0, u32(0x7fff_ffff))]],
    [
      '6.10: CONTINUATION without a header block',
      PROTOCOL_ERROR,
      [rawFrame(CONTINUATION, WHOLE, 1, Buffer.from([0x88]))],
    ],
    [
      '6.10: CONTINUATION of another stream',
      PROTOCOL_ERROR,
      [rawFrame(HEADERS, 0, 1, Buffer.from([0x88])), rawFrame(CONTINUATION, WHOLE, 3)],
    ],
    [
      'RFC 7541, 4.2: a table size above what we offered',
      COMPRESSION_ERROR,
      [rawFrame(HEADERS, WHOLE, 1, Buffer.from([0x3f, 0xe2, 0x1f, 0x88]))],
    ],
    [
      'RFC 7541, 2.3.3: an index outside of the tables',
      COMPRESSION_ERROR,
      [rawFrame(HEADERS, WHOLE, 1, Buffer.from([0xff, 0x00]))],
    ],
    [
      'RFC 7541, 5.2: Huffman padding of more than 7 bits',
      COMPRESSION_ERROR,
      [rawFrame(HEADERS, WHOLE, 1, Buffer.from('00858cf8d8ffff0083ffffff', 'hex'))],
    ],
    [
      'RFC 7541, 6.3: a table size update after a field',
      COMPRESSION_ERROR,
      [rawFrame(HEADERS, WHOLE, 1, Buffer.from([0x88, 0x20]))],
    ],
  ];

  it.each(cases)('%s', (_rule, code, frames) => {
    const probe = asking().receive(...frames);
    expect(probe.fatal?.http2Code).toBe(code);
    expect(sent(probe).at(-1)).toMatch(new RegExp(`^GOAWAY 0 ........${hex32(code)}`));
    const { length } = probe.events;
    probe.receive(OK, rawFrame(PING, 0, 0, Buffer.alloc(8)));
    expect([probe.events.length, sent(probe)]).toEqual([length, []]);
  });

  it('3.4: the server’s first frame must be SETTINGS', () => {
    const probe = new Probe({ role: 'client' });
    probe.receive(rawFrame(PING, 0, 0, Buffer.alloc(8)));
    expect(probe.fatal?.http2Code).toBe(PROTOCOL_ERROR);
  });

  it('6.9.2: SETTINGS that make a stream window pass 2^31-1', () => {
    const probe = tunnelled().receive(rawFrame(WINDOW_UPDATE, 0, 1, u32(0x7fff_ffff - 65_535)));
    probe.receive(settingsFrame([SettingId.INITIAL_WINDOW_SIZE, 65_536]));
    expect(probe.fatal?.http2Code).toBe(FLOW_CONTROL_ERROR);
  });
});

describe('stream errors: RST_STREAM, and the connection goes on (5.4.2)', () => {
  const status = (...fields: (readonly [string, string])[]): Buffer => headersFrame(1, fields);
  const early: readonly Case[] = [
    ['8.1: DATA before a response', PROTOCOL_ERROR, [dataFrame(1, 'x')]],
    ['8.3.2: no :status', PROTOCOL_ERROR, [status(['a', 'b'])]],
    ['8.3.2: :status twice', PROTOCOL_ERROR, [status([':status', '200'], [':status', '200'])]],
    ['8.3.2: a :status that is none', PROTOCOL_ERROR, [status([':status', 'OK'])]],
    ['8.3: a request’s pseudo-header field', PROTOCOL_ERROR, [status([':status', '200'], [':path', '/'])]],
    ['8.3: an unknown pseudo-header field', PROTOCOL_ERROR, [status([':status', '200'], [':test', '1'])]],
    ['8.3: a pseudo-header field after a regular one', PROTOCOL_ERROR, [status(['a', 'b'], [':status', '200'])]],
    ['8.2.1: an upper-case field name', PROTOCOL_ERROR, [status([':status', '200'], ['Baggage', 'a'])]],
    ['8.2.1: a line feed in a value', PROTOCOL_ERROR, [status([':status', '200'], ['a', 'b\nc'])]],
    ['8.2.2: connection', PROTOCOL_ERROR, [status([':status', '200'], ['connection', 'close'])]],
    ['8.2.2: transfer-encoding', PROTOCOL_ERROR, [status([':status', '200'], ['transfer-encoding', 'chunked'])]],
    ['8.6: 101', PROTOCOL_ERROR, [status([':status', '101'])]],
  ];

  it.each(early)('%s', (_rule, code, frames) => {
    const probe = asking().receive(...frames);
    expect(probe.fatal).toBeNull();
    expect(sent(probe)).toContain(`RST_STREAM 1 ${hex32(code)}`);
    expect(probe.connection.connect('10.0.0.2:80', [])).not.toBeNull();
  });

  const late: readonly Case[] = [
    ['6.9: WINDOW_UPDATE of 0', PROTOCOL_ERROR, [rawFrame(WINDOW_UPDATE, 0, 1, u32(0))]],
    ['6.9.1: a stream window above 2^31-1', FLOW_CONTROL_ERROR, [rawFrame(WINDOW_UPDATE, 0, 1, u32(0x7fff_ffff))]],
    ['5.1: DATA after END_STREAM', STREAM_CLOSED, [dataFrame(1, '', END), dataFrame(1, 'x')]],
    ['6.3: PRIORITY not of 5 bytes', FRAME_SIZE_ERROR, [rawFrame(PRIORITY, 0, 1, Buffer.alloc(4))]],
  ];

  it.each(late)('%s', (_rule, code, frames) => {
    const probe = tunnelled().receive(...frames);
    expect(probe.fatal).toBeNull();
    expect(sent(probe)).toContain(`RST_STREAM 1 ${hex32(code)}`);
  });
});

describe('what a client takes', () => {
  it('6.5.3, 6.7: acknowledges SETTINGS and answers PING, in order', () => {
    const probe = asking().receive(
      settingsFrame([SettingId.MAX_CONCURRENT_STREAMS, 10]),
      rawFrame(PING, 0, 0, Buffer.from('weftweft')),
    );
    expect(sent(probe)).toEqual(['SETTINGS+1 0', `PING+1 0 ${Buffer.from('weftweft').toString('hex')}`]);
  });

  it('4.1, 5.5, 6.5.2: unknown frames, flags and settings, and the reserved bit', () => {
    const reserved = rawFrame(WINDOW_UPDATE, 0xff, 0, u32(0x8000_0001));
    const probe = tunnelled().receive(rawFrame(0x99, 0xff, 7, Buffer.from('x')), settingsFrame([0x7777, 1]), reserved);
    probe.receive(dataFrame(1, 'still'));
    expect([probe.fatal, probe.events]).toEqual([null, ['1 data still']]);
  });

  it('6.1, 6.2: padding of DATA and of HEADERS, and priority fields', () => {
    const padded = Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 15]), Buffer.from([0x88]), Buffer.alloc(3)]);
    const probe = asking().receive(
      rawFrame(HEADERS, WHOLE | 0x28, 1, padded),
      rawFrame(DATA, 8, 1, Buffer.from('\x02ok\0\0', 'latin1')),
    );
    expect(probe.events).toEqual(['1 response 200 []', '1 data ok']);
  });

  it('5.1.2: opens no more streams than the server allows', () => {
    const probe = asking().receive(settingsFrame([SettingId.MAX_CONCURRENT_STREAMS, 1]));
    expect(probe.connection.connect('10.0.0.2:80', [])).toBeNull();
  });

  it('6.8: after GOAWAY opens none, and hears which were not served', () => {
    const probe = asking().receive(rawFrame(GOAWAY, 0, 0, u32(0, 0)));
    expect(probe.events).toEqual([`1 reset ${Http2Code.REFUSED_STREAM}`, 'goaway 0 0 ']);
    expect(probe.connection.connect('10.0.0.2:80', [])).toBeNull();
  });

  it('6.9: sends no more than both windows allow', () => {
    const probe = Probe.client();
    probe.receive(settingsFrame([SettingId.INITIAL_WINDOW_SIZE, 5]));
    const stream = probe.connection.connect('10.0.0.1:80', [])!;
    probe.receive(headersFrame(stream.id, [[':status', '200']]));
    probe.sent();
    expect(probe.send(stream, 'hello world')).toBe(' world');
    expect(probe.connection.reserve(stream).length).toBe(0);
    probe.receive(rawFrame(WINDOW_UPDATE, 0, stream.id, u32(3)));
    expect(probe.send(stream, ' world')).toBe('rld');
  });

  it('6.9.2: a window may become negative, and is used again only above zero', () => {
    const probe = tunnelled();
    const stream = probe.stream(1);
    probe.send(stream, 'x'.repeat(100));
    probe.receive(settingsFrame([SettingId.INITIAL_WINDOW_SIZE, 50]));
    expect(probe.connection.reserve(stream).length).toBe(0);
    probe.receive(rawFrame(WINDOW_UPDATE, 0, 1, u32(60)));
    expect(probe.connection.reserve(stream).length).toBe(10);
  });

  it('8.1: informational responses come before the final one', () => {
    const probe = asking().receive(headersFrame(1, [[':status', '100']]), OK);
    expect(probe.events).toEqual(['1 response 200 []']);
  });
});
