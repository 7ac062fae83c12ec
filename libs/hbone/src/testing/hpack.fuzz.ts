import type { FuzzTarget } from '@weft/testing-fuzz';
import { isFieldValue } from '../field-rules.js';
import type { HeaderField } from '../handler.js';
import { HpackDecoder } from '../hpack-decoder.js';
import { HpackEncoder } from '../hpack-encoder.js';
import { block, CONNECT_FIELDS, GET_FIELDS } from './raw-frames.js';

const LIMITS = { maxTableBytes: 4096, maxListBytes: 16_384, maxFields: 100 } as const;
/** Examples of RFC 7541, appendix C. */
const EXAMPLES = [
  '400a637573746f6d2d6b65790d637573746f6d2d686561646572',
  '040c2f73616d706c652f70617468',
  '100870617373776f726406736563726574',
  '828684410f7777772e6578616d706c652e636f6d',
  '828684418cf1e3c2e5f23a6ba0ab90f4ff',
  '828684be5886a8eb10649cbf',
  '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
  '3fe11f',
  '20',
].map((hex) => Buffer.from(hex, 'hex'));

/** One decoder over several blocks: a length of one byte comes before each. */
export const hpackFuzz: FuzzTarget = {
  name: 'hpack',
  maxBytes: 2048,
  seeds: () => {
    const framed = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([Math.min(255, bytes.length)]), bytes]);
    const blocks = [...EXAMPLES, block(CONNECT_FIELDS), block(GET_FIELDS)].map(framed);
    return [...blocks, Buffer.concat(blocks)];
  },
  words: [
    ...EXAMPLES,
    Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x7f]),
    Buffer.from([0xff]),
    Buffer.from([0xbe]),
    Buffer.from([0x40]),
  ],
  run: (input) => {
    const decoder = new HpackDecoder(LIMITS);
    const outcomes = new Set<string>();
    for (let at = 0; at < input.length; at += 1 + input[at]!) {
      const { fields, tooLarge, error } = decoder.decode(input, at + 1, Math.min(input.length, at + 1 + input[at]!));
      outcomes.add(error ?? (tooLarge ? 'too large' : `fields ${Math.min(5, fields.length)}`));
      if (error !== null) break;
      checkBounds(fields);
      checkRoundTrip(fields);
    }
    return [...outcomes].map((outcome) => outcome.replace(/\d{2,}/g, 'N')).join(', ');
  },
};

function checkBounds(fields: readonly HeaderField[]): void {
  const bytes = fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  if (bytes > LIMITS.maxListBytes || fields.length > LIMITS.maxFields) throw new Error(`a list of ${bytes} bytes`);
}

/** The encoder is only given text that was checked. */
function checkRoundTrip(fields: readonly HeaderField[]): void {
  if (!fields.every(([name, value]) => isFieldValue(name) && isFieldValue(value))) return;
  const out = Buffer.alloc(HpackEncoder.bound(fields));
  const length = new HpackEncoder().encode(fields, out, 0);
  const again = new HpackDecoder(LIMITS).decode(out, 0, length);
  if (JSON.stringify(again.fields) !== JSON.stringify(fields)) throw new Error('encoded and decoded is something else');
}
