/** X.690 8.1: one element in the shortest form of its length. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const content of contents) length += content.length;
  const head = lengthBytes(length);
  const bytes = Buffer.allocUnsafe(1 + head + length);
  bytes[0] = tag;
  if (head === 1) bytes[1] = length;
  else {
    bytes[1] = 0x80 | (head - 1);
    bytes.writeUIntBE(length, 2, head - 1);
  }
  let at = 1 + head;
  for (const content of contents) {
    bytes.set(content, at);
    at += content.length;
  }
  return bytes;
}

export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export const sequence = (...contents: readonly Uint8Array[]): Buffer => der(DER.sequence, ...contents);

const NO_UNUSED_BITS = Buffer.of(0);

/** A bit string of whole bytes. */
export const bitString = (content: Uint8Array): Buffer => der(DER.bitString, NO_UNUSED_BITS, content);

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(DER.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

const TRUE = der(DER.boolean, Buffer.of(0xff));

/** RFC 5280 4.2: `value` is the DER inside the octet string. */
export function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  const octets = der(DER.octetString, value);
  return critical ? sequence(oid(id), TRUE, octets) : sequence(oid(id), octets);
}

/** An extension whose value differs each time, with what comes before it encoded once. */
export function extensionWriter(id: string, critical: boolean): (value: Uint8Array) => Buffer {
  const head = critical ? Buffer.concat([oid(id), TRUE]) : oid(id);
  return (value) => sequence(head, der(DER.octetString, value));
}

/** RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime after; whole seconds, the rest is cut off. */
export function time(ms: number): Buffer {
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  const early = year < 2050;
  const parts = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()];
  const text = parts.reduce((head, part) => head + twoDigits(part), String(year)) + twoDigits(date.getUTCSeconds());
  return der(early ? DER.utcTime : DER.generalizedTime, Buffer.from(`${early ? text.slice(2) : text}Z`, 'latin1'));
}

const twoDigits = (value: number): string => (value < 10 ? `0${value}` : String(value));

function lengthBytes(length: number): number {
  if (length < 0x80) return 1;
  return length < 0x100 ? 2 : length < 0x10000 ? 3 : 4;
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) bytes.unshift((left & 0x7f) | 0x80);
  return bytes;
}
