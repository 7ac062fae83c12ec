import fc from 'fast-check';
import type { HeaderField } from './handler.js';
import { HpackDecoder } from './hpack-decoder.js';
import { HpackEncoder } from './hpack-encoder.js';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const decoder = (limits: Partial<ConstructorParameters<typeof HpackDecoder>[0]> = {}): HpackDecoder =>
  new HpackDecoder({ maxTableBytes: 4096, maxListBytes: 65_536, maxFields: 100, ...limits });
const decode = (into: HpackDecoder, text: string) => {
  const bytes = hex(text);
  return into.decode(bytes, 0, bytes.length);
};
const encode = (from: HpackEncoder, fields: readonly HeaderField[]): Buffer => {
  const out = Buffer.alloc(HpackEncoder.bound(fields));
  return out.subarray(0, from.encode(fields, out, 0));
};

const request1: HeaderField[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
];
const request2: HeaderField[] = [...request1, ['cache-control', 'no-cache']];
const request3: HeaderField[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
];
const response = (status: string, second: string): HeaderField[] => [
  [':status', status],
  ['cache-control', 'private'],
  ['date', `Mon, 21 Oct 2013 20:13:${second} GMT`],
  ['location', 'https://www.example.com'],
];
const response3: HeaderField[] = [
  ...response('200', '22'),
  ['content-encoding', 'gzip'],
  ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
];

describe('RFC 7541 appendix C', () => {
  it.each([
    [
      'C.2.1 literal with indexing',
      '400a637573746f6d2d6b65790d637573746f6d2d686561646572',
      ['custom-key', 'custom-header'],
    ],
    ['C.2.2 literal without indexing', '040c2f73616d706c652f70617468', [':path', '/sample/path']],
    ['C.2.3 literal never indexed', '100870617373776f726406736563726574', ['password', 'secret']],
    ['C.2.4 indexed field', '82', [':method', 'GET']],
  ])('%s', (_name, bytes, field) => {
    expect(decode(decoder(), bytes)).toEqual({ fields: [field], tooLarge: false, error: null });
  });

  const sequences: Array<[string, number, Array<[string, HeaderField[]]>]> = [
    [
      'C.3 requests without Huffman',
      4096,
      [
        ['828684410f7777772e6578616d706c652e636f6d', request1],
        ['828684be58086e6f2d6361636865', request2],
        ['828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565', request3],
      ],
    ],
    [
      'C.4 requests with Huffman',
      4096,
      [
        ['828684418cf1e3c2e5f23a6ba0ab90f4ff', request1],
        ['828684be5886a8eb10649cbf', request2],
        ['828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf', request3],
      ],
    ],
    [
      'C.5 responses without Huffman, with eviction',
      256,
      [
        [
          '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
          response('302', '21'),
        ],
        ['4803333037c1c0bf', response('307', '21')],
        [
          '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
          response3,
        ],
      ],
    ],
    [
      'C.6 responses with Huffman, with eviction',
      256,
      [
        [
          '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
          response('302', '21'),
        ],
        ['4883640effc1c0bf', response('307', '21')],
        [
          '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
          response3,
        ],
      ],
    ],
  ];
  it.each(sequences)('%s', (_name, maxTableBytes, blocks) => {
    const one = decoder({ maxTableBytes });
    for (const [bytes, fields] of blocks) expect(decode(one, bytes)).toEqual({ fields, tooLarge: false, error: null });
  });

  it('C.4 is also what the encoder writes', () => {
    const encoder = new HpackEncoder();
    const blocks = [request1, request2, request3].map((fields) => encode(encoder, fields).toString('hex'));
    expect(blocks).toEqual(sequences[1]![2].map(([bytes]) => bytes));
  });

  it.each([
    ['C.1.2 a number over several bytes', '3f9a0a', 1337, null],
    ['5.1 a number cut off', '3f9a', 4096, 'broken table size'],
    ['5.1 a number without end', '3fffffffffffffffffff7f', 4096, 'broken table size'],
  ])('%s', (_name, bytes, maxTableBytes, error) => {
    expect(decode(decoder({ maxTableBytes }), bytes).error).toBe(error);
  });
});

describe('HPACK decoding errors', () => {
  it.each([
    ['an index of 0 is an error (6.1)', '80'],
    ['an index beyond the tables is an error (2.3.3)', 'be'],
    ['a name index beyond the tables is an error (2.3.3)', '7f0001'],
    ['a size update above the announced size is an error (6.3)', '3fe21f'],
    ['a size update after the first field is an error (4.2)', '8220'],
    ['a string longer than the block is an error', '000a61'],
    ['a block may not end before the value', '000161'],
    ['Huffman padding of 8 bits or more is an error (5.2)', '0001618ef1e3c2e5f23a6ba0ab90f4ffffff'],
    ['Huffman padding of zeros is an error (5.2)', '0001618118'],
    ['a Huffman string that holds EOS is an error (5.2)', '00016184ffffffff'],
  ])('%s', (_name, bytes) => {
    const decoded = decode(decoder(), bytes);
    expect(decoded.error).not.toBeNull();
    expect(decoded.fields).toEqual([]);
  });

  it('an entry larger than the table empties it and is no error (4.4)', () => {
    const small = decoder({ maxTableBytes: 64 });
    decode(small, '400161016240016301' + '64');
    expect(decode(small, 'be').error).toBeNull();
    const bytes = Buffer.concat([hex('400165'), Buffer.from([100]), Buffer.alloc(100, 'x')]);
    expect(small.decode(bytes, 0, bytes.length).error).toBeNull();
    expect(decode(small, 'be').error).toBe('index 62 in no table');
  });
});

describe('limits of a header list', () => {
  it('counts decoded bytes, 32 per field included, so that a small block cannot unfold (CVE-2026-47774)', () => {
    const one = decoder({ maxListBytes: 4096 });
    const entry = Buffer.concat([hex('40016b'), Buffer.from([100]), Buffer.alloc(100, 'v')]);
    const bomb = Buffer.concat([entry, Buffer.alloc(1000, 0xbe)]);
    expect(one.decode(bomb, 0, bomb.length)).toEqual({ fields: [], tooLarge: true, error: null });
  });

  it('counts fields', () => {
    const one = decoder({ maxFields: 10 });
    expect(one.decode(Buffer.alloc(10, 0x82), 0, 10).fields).toHaveLength(10);
    expect(one.decode(Buffer.alloc(11, 0x82), 0, 11).tooLarge).toBe(true);
  });

  it('keeps the table in step although the list was too large', () => {
    const one = decoder({ maxFields: 1 });
    expect(decode(one, '8282' + '400161' + '0162').tooLarge).toBe(true);
    expect(decode(one, 'be').fields).toEqual([['a', 'b']]);
  });
});

describe('HpackEncoder', () => {
  it('sends a repeated field as one byte', () => {
    const encoder = new HpackEncoder();
    const fields: HeaderField[] = [['baggage', 'k8s.cluster.name=Kubernetes,k8s.namespace.name=default']];
    expect(encode(encoder, fields).length).toBeGreaterThan(30);
    expect(encode(encoder, fields)).toEqual(hex('be'));
  });

  it('stays in step over thousands of entries, new and repeated', () => {
    const encoder = new HpackEncoder();
    const one = decoder();
    for (let i = 0; i < 3000; i++) {
      const fields: HeaderField[] = [
        [`x-${i % 200}`, String(i)],
        [`x-${(i + 150) % 200}`, String(i - 50)],
        ['baggage', `k8s.pod.name=${i % 7}`],
      ];
      const bytes = encode(encoder, fields);
      expect(one.decode(bytes, 0, bytes.length).fields).toEqual(fields);
    }
  });

  it('never indexes secrets (7.1.3)', () => {
    const bytes = encode(new HpackEncoder(), [['authorization', 'Bearer x']]);
    expect(bytes[0]! & 0xf0).toBe(0x10);
  });

  it('announces a smaller table at the start of the next block, the smallest first (4.2)', () => {
    const encoder = new HpackEncoder();
    encoder.setPeerTableBytes(0);
    encoder.setPeerTableBytes(100);
    expect(encode(encoder, [[':method', 'GET']])).toEqual(hex('20 3f45 82'));
  });

  it('never grows its table above 4,096 bytes, whatever the peer offers', () => {
    const encoder = new HpackEncoder();
    encoder.setPeerTableBytes(0xffff_ffff);
    expect(encode(encoder, [[':method', 'GET']])).toEqual(hex('82'));
  });
});

describe('properties', () => {
  const latin1 = fc
    .array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 })
    .map((codes) => String.fromCharCode(...codes));
  const name = fc.oneof(fc.constantFrom(':authority', 'baggage', 'forwarded', 'traceparent', 'cookie', 'x'), latin1);
  const field = fc.tuple(name, fc.oneof(fc.constantFrom('', 'a', 'b'), latin1));
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.array(field, { maxLength: 12 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 4096 }) },
  );

  it('decode of encode is the identity over a whole connection, table resizes included', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const encoder = new HpackEncoder();
        const one = decoder();
        for (const next of steps) {
          if (typeof next === 'number') {
            encoder.setPeerTableBytes(next);
            continue;
          }
          const bytes = encode(encoder, next);
          expect(one.decode(bytes, 0, bytes.length)).toEqual({ fields: next, tooLarge: false, error: null });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('arbitrary bytes never throw and never pass the limits', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
        const one = decoder({ maxListBytes: 1000, maxFields: 5 });
        for (const block of blocks) {
          const bytes = Buffer.from(block);
          const { fields } = one.decode(bytes, 0, bytes.length);
          expect(fields.length).toBeLessThanOrEqual(5);
          expect(fields.reduce((sum, [n, v]) => sum + n.length + v.length + 32, 0)).toBeLessThanOrEqual(1000);
        }
      }),
      { numRuns: 500 },
    );
  });
});

it('a long coded string that comes again is the same, and another of its length is another', () => {
  const [encoder, to] = [new HpackEncoder(), decoder()];
  const texts = ['a', 'b', 'a', 'a', 'c'].map((letter) => `Bearer ${letter.repeat(2000)}`);
  const decoded = texts.map((text) => {
    const bytes = encode(encoder, [['authorization', text]]);
    return to.decode(bytes, 0, bytes.length).fields;
  });
  expect(decoded).toEqual(texts.map((text) => [['authorization', text]]));
});
