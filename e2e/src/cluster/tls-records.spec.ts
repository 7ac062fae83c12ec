import fc from 'fast-check';
import type { Segment } from './link-capture.js';
import { walkTlsRecords } from './tls-records.js';

const record = (type: number, body: Buffer): Buffer => {
  const header = Buffer.from([type, 3, 3, 0, 0]);
  header.writeUInt16BE(body.length, 3);
  return Buffer.concat([header, body]);
};
const segment = (sequence: number, payload: Buffer): Segment => ({
  source: '10.244.1.2',
  destination: '10.244.2.2',
  protocol: 6,
  sourcePort: 40000,
  destinationPort: 15008,
  connection: 0,
  sequence,
  payload,
});
const cut = (stream: Buffer, sizes: readonly number[]): Segment[] => {
  const parts: Segment[] = [];
  let at = 0;
  for (const size of [...sizes, stream.length]) {
    const payload = stream.subarray(at, at + size);
    parts.push(segment(1 + at, payload));
    at += payload.length;
  }
  return parts;
};

describe('walkTlsRecords', () => {
  it('counts records however the stream is cut, in any order, with repeats', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)));
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 90 })), (data, sizes) => {
        const stream = Buffer.concat([record(22, Buffer.alloc(9)), ...data.map((body) => record(23, body))]);
        const parts = cut(stream, sizes);
        const verdict = walkTlsRecords([...parts.toReversed(), ...parts.slice(0, 2)]);
        expect(verdict).toEqual({ tls: true, handshakes: 1, applicationData: data.length });
      }),
    );
  });
  it('shows the first bytes that are in no record', () => {
    const stream = Buffer.concat([record(22, Buffer.alloc(4)), Buffer.from('GET / HTTP/1.1\r\n')]);
    expect(walkTlsRecords(cut(stream, [3]))).toEqual({ tls: false, at: 9, bytes: 'GET / HTTP/1.1\r\n' });
  });
  it('refuses to judge a capture with a hole', () => {
    expect(() => walkTlsRecords([segment(1, record(22, Buffer.alloc(4))), segment(20, Buffer.alloc(4))])).toThrow(
      'lost 10',
    );
  });
});
