import { readDerElements, type DerElement } from './der-reader.js';

/** One extension of a certificate, a CRL or a CRL entry (RFC 5280 4.1). */
export interface X509Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** Contents of the OBJECT IDENTIFIERs that are read here, in hexadecimal. */
export const EXTENSION_OIDS = {
  subjectKeyIdentifier: '551d0e',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  crlNumber: '551d14',
  authorityKeyIdentifier: '551d23',
} as const;

const SEQUENCE = 0x30;
const OID = 0x06;
const OCTET_STRING = 0x04;
const BOOLEAN = 0x01;
const DER_TRUE = 0xff;

/**
 * The extensions in `bytes[start, end)`, a SEQUENCE OF Extension without its header, by OID. Null if malformed or if one is
 * there twice (RFC 5280 4.2).
 */
export function readExtensions(
  bytes: Uint8Array,
  { start, end }: Pick<DerElement, 'start' | 'end'>,
): ReadonlyMap<string, X509Extension> | null {
  const found = new Map<string, X509Extension>();
  for (const extension of readDerElements(bytes, start, end) ?? [null]) {
    if (extension?.tag !== SEQUENCE) return null;
    const parts = readDerElements(bytes, extension.start, extension.end);
    const [oid, second, third, fourth] = parts ?? [];
    const critical = second?.tag === BOOLEAN;
    if (critical && (second.end - second.start !== 1 || bytes[second.start] !== DER_TRUE)) return null;
    const value = critical ? third : second;
    const surplus = critical ? fourth : third;
    if (oid?.tag !== OID || value?.tag !== OCTET_STRING || surplus !== undefined) return null;
    const name = hexOf(bytes, oid);
    if (found.has(name)) return null;
    found.set(name, { critical, value: bytes.subarray(value.start, value.end) });
  }
  return found;
}

export function hexOf(bytes: Uint8Array, { start, end }: Pick<DerElement, 'start' | 'end'>): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('hex');
}

/** UTCTime or GeneralizedTime in the only forms that RFC 5280 4.1.2.5 allows; null for any other. */
export function readTime(bytes: Uint8Array, { tag, start, end }: DerElement): Date | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
  const [, year = '', rest = ''] =
    (tag === 0x17 ? /^(\d\d)(\d{10})Z$/ : tag === 0x18 ? /^(\d{4})(\d{10})Z$/ : /(?!)/).exec(text) ?? [];
  if (rest === '') return null;
  const full = tag === 0x18 ? Number(year) : Number(year) + (Number(year) < 50 ? 2000 : 1900);
  const [month = 0, day, hour, minute, second] = rest.match(/\d\d/g)!.map(Number);
  const date = new Date(0);
  date.setUTCFullYear(full, month - 1, day);
  date.setUTCHours(hour!, minute, second, 0);
  // A field out of its range moves the others, so it shows when the date is written again.
  const again = date.toISOString().replaceAll(/[-:T]/g, '').slice(4, 14);
  return again === rest ? date : null;
}
