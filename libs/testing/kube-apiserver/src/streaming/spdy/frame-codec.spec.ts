import { constants, createDeflate, createInflate, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { FrameDecoder } from './frame-decoder.js';
import { FrameEncoder } from './frame-encoder.js';
import { decodeHeaderBlock, encodeHeaderBlock } from './header-block.js';
import { HeaderCompressor } from './header-compressor.js';
import { HeaderDecompressor } from './header-decompressor.js';
import { HEADER_DICTIONARY, HEADER_DICTIONARY_ID } from './header-dictionary.js';
import type { SpdyFrame } from './spdy-frame.js';

const headers = fc
  .array(
    fc.tuple(
      fc.stringMatching(/^[a-z0-9:_-]{1,20}$/),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    ),
    { maxLength: 8 },
  )
  .map((pairs) => new Map(pairs));
const id = fc.integer({ min: 0, max: 0x7f_ff_ff_ff });
const word = fc.integer({ min: 0, max: 0xff_ff_ff_ff });
const frame: fc.Arbitrary<SpdyFrame> = fc.oneof(
  fc.record({
    type: fc.constant('synStream' as const),
    streamId: id,
    associatedStreamId: id,
    priority: fc.integer({ min: 0, max: 7 }),
    fin: fc.boolean(),
    unidirectional: fc.boolean(),
    headers,
  }),
  fc.record({
    type: fc.constantFrom('synReply' as const, 'headers' as const),
    streamId: id,
    fin: fc.boolean(),
    headers,
  }),
  fc.record({ type: fc.constant('rstStream' as const), streamId: id, status: word }),
  fc.record({
    type: fc.constant('settings' as const),
    settings: fc.array(
      fc.record({
        flags: fc.integer({ min: 0, max: 255 }),
        id: fc.integer({ min: 0, max: 0xff_ff_ff }),
        value: word,
      }),
      { maxLength: 5 },
    ),
  }),
  fc.record({ type: fc.constant('ping' as const), id: word }),
  fc.record({ type: fc.constant('goaway' as const), lastStreamId: id, status: word }),
  fc.record({ type: fc.constant('windowUpdate' as const), streamId: id, delta: id }),
  fc.record({
    type: fc.constant('data' as const),
    streamId: id,
    fin: fc.boolean(),
    bytes: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  }),
);

/** DATA frames that came in pieces are one again. */
function joined(frames: readonly SpdyFrame[]): SpdyFrame[] {
  const whole: SpdyFrame[] = [];
  let open: Extract<SpdyFrame, { type: 'data' }> | null = null;
  for (const next of frames) {
    if (next.type !== 'data') whole.push(next);
    else {
      open = { ...next, bytes: open === null ? next.bytes : Buffer.concat([open.bytes, next.bytes]) };
      if (!next.fin) continue;
      whole.push(open);
      open = null;
    }
  }
  return whole;
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let offset = 0;
  for (let index = 0; offset < bytes.length; index++) {
    const size = sizes[index % sizes.length]!;
    pieces.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return pieces;
}

/** What zlib itself makes of the blocks as one stream with a sync flush after each. */
function throughZlib(blocks: readonly Buffer[], make: typeof createDeflate | typeof createInflate): Promise<Buffer[]> {
  const stream = make({ dictionary: HEADER_DICTIONARY, flush: constants.Z_SYNC_FLUSH });
  const result: Buffer[] = [];
  let chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const next = (index: number): Promise<Buffer[]> =>
    new Promise((resolve, reject) => {
      if (index === blocks.length) {
        stream.close();
        resolve(result);
        return;
      }
      stream.once('error', reject);
      stream.write(blocks[index], () => {
        stream.off('error', reject);
        setImmediate(() => {
          result.push(Buffer.concat(chunks));
          chunks = [];
          resolve(next(index + 1));
        });
      });
    });
  return next(0);
}

describe('frames of SPDY/3.1', () => {
  it('the header dictionary is the one of the draft: 1423 bytes with its Adler-32', () => {
    expect(HEADER_DICTIONARY).toHaveLength(1423);
    const stream = deflateSync('', { dictionary: HEADER_DICTIONARY });
    expect(stream.readUInt32BE(2)).toBe(HEADER_DICTIONARY_ID);
  });

  it('bytes of the draft: PING, RST_STREAM, WINDOW_UPDATE, GOAWAY, SETTINGS, DATA', () => {
    const encoder = new FrameEncoder();
    const hex = (next: SpdyFrame): string => encoder.encode(next).toString('hex');
    expect(hex({ type: 'ping', id: 1 })).toBe('800300060000000400000001');
    expect(hex({ type: 'rstStream', streamId: 5, status: 3 })).toBe('80030003000000080000000500000003');
    expect(hex({ type: 'windowUpdate', streamId: 0, delta: 65536 })).toBe('80030009000000080000000000010000');
    expect(hex({ type: 'goaway', lastStreamId: 7, status: 1 })).toBe('80030007000000080000000700000001');
    expect(hex({ type: 'settings', settings: [{ flags: 1, id: 7, value: 65535 }] })).toBe(
      '800300040000000c00000001010000070000ffff',
    );
    expect(hex({ type: 'data', streamId: 3, fin: true, bytes: Buffer.from('hi') })).toBe('00000003010000026869');
  });

  it.each([
    ['another version', '800200060000000400000001', 'SPDY version 2'],
    ['a control frame that is too long', '8003000600ffffff', 'a control frame of 16777215 bytes'],
    ['a PING of three bytes', '8003000600000003000001', 'a PING of a wrong length'],
    ['SETTINGS that count wrong', '800300040000000c00000002010000070000ffff', 'SETTINGS of a wrong length'],
    ['a SYN_STREAM without headers', '8003000100000004000000', undefined],
    ['headers without the dictionary', '800300020000000a00000001789c03000000', 'does not start with the dictionary'],
  ])('%s ends the connection', (_what, hex, message) => {
    const { error } = new FrameDecoder().decode(Buffer.from(hex, 'hex'));
    if (message === undefined) expect(error).toBeUndefined();
    else expect(error).toContain(message);
  });

  it('frames before the error are given, and nothing after it', () => {
    const decoder = new FrameDecoder();
    const ping = '800300060000000400000001';
    const { frames, error } = decoder.decode(Buffer.from(`${ping}80020006${ping}`, 'hex'));
    expect(frames).toEqual([{ type: 'ping', id: 1 }]);
    expect(decoder.decode(Buffer.from(ping, 'hex'))).toEqual({ frames: [], error });
  });

  it('a frame of an unknown type is skipped', () => {
    const bytes = Buffer.from('8003000b00000002abcd800300060000000400000002', 'hex');
    expect(new FrameDecoder().decode(bytes)).toEqual({ frames: [{ type: 'ping', id: 2 }] });
  });

  it('headers that unpack to far more than they are end the connection', () => {
    const bomb = new HeaderCompressor().compress(Buffer.alloc(1024 * 1024));
    expect(new HeaderDecompressor().decompress(bomb)).toMatchObject({ ok: false });
  });

  it.each([
    ['a name that comes twice', '00000002000000016100000000000000016100000000', 'comes twice'],
    ['a name in upper case', '00000001000000014100000000', 'not in lower case'],
    ['an empty name', '000000010000000000000000', 'empty'],
    ['a count beyond the bytes', 'ffffffff', 'ends too early'],
    ['bytes after the last header', '0000000000', 'after the last'],
  ])('a header block with %s is refused', (_what, hex, message) => {
    expect(decodeHeaderBlock(Buffer.from(hex, 'hex'))).toEqual({
      ok: false,
      error: expect.stringContaining(message) as unknown,
    });
  });

  describe('properties', () => {
    it('every sequence of frames is read as it was written, however the bytes are cut', () => {
      fc.assert(
        fc.property(
          fc.array(frame, { maxLength: 12 }),
          fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 }),
          (frames, sizes) => {
            // Without `fin` the pieces of two DATA frames cannot be told apart.
            const sent = frames.map((next) => (next.type === 'data' ? { ...next, fin: true } : next));
            const encoder = new FrameEncoder();
            const decoder = new FrameDecoder();
            const bytes = Buffer.concat(sent.map((next) => encoder.encode(next)));
            const results = cut(bytes, sizes).map((piece) => decoder.decode(piece));
            expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
            expect(joined(results.flatMap((result) => result.frames))).toEqual(sent);
          },
        ),
      );
    });

    it('arbitrary bytes never throw', () => {
      const start = fc.constantFrom('80030001', '80030002', '80030004', '80030008', '00000001', '80030007', '');
      const noise = fc.array(fc.tuple(start, fc.uint8Array({ maxLength: 60 })), { maxLength: 6 });
      fc.assert(
        fc.property(noise, (parts) => {
          const decoder = new FrameDecoder();
          for (const [hex, bytes] of parts) decoder.decode(Buffer.concat([Buffer.from(hex, 'hex'), bytes]));
        }),
        { numRuns: 2000 },
      );
    });

    it('frames with some bytes changed never throw', () => {
      const change = fc.tuple(fc.nat({ max: 2000 }), fc.integer({ min: 0, max: 255 }));
      fc.assert(
        fc.property(
          fc.array(frame, { minLength: 1, maxLength: 6 }),
          fc.array(change, { maxLength: 6 }),
          (frames, changes) => {
            const encoder = new FrameEncoder();
            const bytes = Buffer.concat(frames.map((next) => encoder.encode(next)));
            for (const [at, value] of changes) bytes[at % bytes.length] = value;
            new FrameDecoder().decode(bytes);
          },
        ),
        { numRuns: 1000 },
      );
    });

    it('header blocks: print and parse is the identity, and arbitrary bytes never throw', () => {
      fc.assert(
        fc.property(headers, (map) =>
          expect(decodeHeaderBlock(encodeHeaderBlock(map))).toEqual({ ok: true, value: map }),
        ),
      );
      fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void decodeHeaderBlock(Buffer.from(bytes))));
    });

    it('compressed headers are what zlib reads and writes, also past its window', async () => {
      const blocks = fc.array(
        fc.uint8Array({ minLength: 1, maxLength: 20_000 }).map((bytes) => Buffer.from(bytes)),
        { minLength: 1, maxLength: 6, size: 'max' },
      );
      await fc.assert(
        fc.asyncProperty(blocks, async (plain) => {
          const compressor = new HeaderCompressor();
          const ours = plain.map((block) => compressor.compress(block));
          expect(await throughZlib(ours, createInflate)).toEqual(plain);
          const decompressor = new HeaderDecompressor();
          const theirs = await throughZlib(plain, createDeflate);
          expect(theirs.map((block) => decompressor.decompress(block))).toEqual(
            plain.map((value) => ({ ok: true, value })),
          );
        }),
        { numRuns: 25 },
      );
    });
  });
});
