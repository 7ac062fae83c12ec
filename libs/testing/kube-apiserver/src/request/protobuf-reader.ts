import { badRequest } from '../status-error.js';

/** One field as it stands on the wire. */
export interface WireField {
  readonly number: number;
  /** A varint or fixed value, or the bytes of a length-delimited one. */
  readonly value: bigint | Buffer;
}

const malformed = (): Error => badRequest('the protobuf body is malformed');

/** Takes a message apart into its fields, in wire order. Throws 400 for whatever is no message; reads only inside the buffer. */
export function readFields(bytes: Buffer): readonly WireField[] {
  const fields: WireField[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw malformed();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw malformed();
  };
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw malformed();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        fields.push({ number, value: varint() });
        break;
      case 1:
        fields.push({ number, value: take(8).readBigUInt64LE() });
        break;
      case 2:
        fields.push({ number, value: take(Number(varint())) });
        break;
      case 5:
        fields.push({ number, value: BigInt(take(4).readUInt32LE()) });
        break;
      default:
        throw malformed();
    }
  }
  return fields;
}

export function bytesOf({ value }: WireField): Buffer {
  if (typeof value === 'bigint') throw malformed();
  return value;
}

export function signedOf({ value }: WireField): bigint {
  if (typeof value !== 'bigint') throw malformed();
  return BigInt.asIntN(64, value);
}
