import { ClosedStreams } from './closed-streams.js';
import { Http2Code } from './errors.js';
import { FrameType } from './frame-types.js';
import { Probe } from './testing/probe.js';
import { CONNECT_FIELDS, dataFrame, headersFrame, rawFrame, u32 } from './testing/raw-frames.js';

describe('ClosedStreams', () => {
  it('remembers how the last 1,024 streams ended', () => {
    const closed = new ClosedStreams();
    for (let id = 1; id <= 2051; id += 2) closed.add(id, id % 4 === 1 ? 'reset-by-us' : 'reset-by-peer');
    expect(closed.cause(1)).toBe('forgotten');
    expect(closed.cause(3)).toBe('forgotten');
    expect(closed.cause(5)).toBe('reset-by-us');
    expect(closed.cause(2051)).toBe('reset-by-peer');
  });
});

describe('frames for streams that are forgotten', () => {
  /** Opens and ends `n` streams from id 1 on. */
  const worn = (n: number): Probe => {
    const probe = Probe.server();
    probe.react.onRequest = (stream) => probe.connection.respond(stream, 200, []);
    for (let i = 0; i < n; i++) {
      probe.receive(headersFrame(2 * i + 1, CONNECT_FIELDS), rawFrame(FrameType.RST_STREAM, 0, 2 * i + 1, u32(8)));
      probe.sent();
    }
    return probe;
  };

  it('HEADERS that go back to an old id end the connection (RFC 9113, 5.1.1)', () => {
    expect(worn(1100).receive(headersFrame(1, CONNECT_FIELDS)).fatal?.http2Code).toBe(Http2Code.PROTOCOL_ERROR);
  });

  it('DATA has no window left to use', () => {
    expect(worn(1100).receive(dataFrame(1, 'x')).fatal?.http2Code).toBe(Http2Code.STREAM_CLOSED);
  });

  it('a client takes late responses as late', () => {
    const probe = Probe.client();
    for (let i = 0; i < 1100; i++) {
      probe.connection.reset(probe.connection.connect('a:1', [])!, Http2Code.CANCEL);
      probe.sent();
    }
    probe.receive(headersFrame(1, [[':status', '200']]), dataFrame(1, 'x'));
    expect(probe.events).toEqual([]);
    expect(probe.connection.closing).toBe(false);
  });
});
