import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { readDerElements } from './der-reader.js';
import { bitString, DER, der, sequence, time } from './der-writer.js';
import { signatureAlgorithmOf } from './keys.js';

const signInThreadPool = promisify(sign);

/** How far back `notBefore` is set, so that a peer whose clock is a little behind accepts the certificate. */
const CLOCK_SKEW_MS = 2 * 60_000;
const VERSION_3 = der(0xa0, der(DER.integer, Buffer.of(2)));
const EXTENSIONS = 0xa3;

export interface CertificateContent {
  /** Names as they are encoded: verifiers may compare the bytes. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly nowMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Uint8Array[];
}

export interface SignedCertificate {
  readonly der: Buffer;
  /** Hexadecimal. */
  readonly serialNumber: string;
  /** As it is in the certificate: whole seconds. */
  readonly notAfter: Date;
}

/** An X.509 v3 certificate (RFC 5280 4.1) signed by `key`. */
export async function signCertificate(content: CertificateContent, key: KeyObject): Promise<SignedCertificate> {
  const { issuer, subject, spki, nowMs, extensions } = content;
  const { digest, identifier, family } = signatureAlgorithmOf(key);
  const serial = serialNumber();
  const notAfterMs = Math.floor(content.notAfterMs / 1000) * 1000;
  const body = sequence(
    ...[VERSION_3, der(DER.integer, serial), identifier, issuer],
    ...[sequence(time(nowMs - CLOCK_SKEW_MS), time(notAfterMs)), subject, spki],
    der(EXTENSIONS, sequence(...extensions)),
  );
  // An elliptic curve signs in less time than it takes to hand the work to another thread; RSA does not.
  const signature = family === 'rsa' ? await signInThreadPool(digest, body, key) : sign(digest, body, key);
  const certificate = sequence(body, identifier, bitString(signature));
  return { der: certificate, serialNumber: serial.toString('hex'), notAfter: new Date(notAfterMs) };
}

/** RFC 5280 4.2.1.2 method 1: SHA-1 of the key without its algorithm; it names the key and protects nothing. */
export function keyIdentifier(spki: Uint8Array): Buffer {
  const [outer] = readDerElements(spki, 0, spki.length) ?? [];
  const [, key] = outer === undefined ? [] : (readDerElements(spki, outer.start, outer.end) ?? []);
  if (key === undefined) throw new TypeError('a public key is a sequence of algorithm and bit string');
  return createHash('sha1')
    .update(spki.subarray(key.start + 1, key.end))
    .digest();
}

const SERIAL_BYTES = 16;
const SERIALS_AHEAD = 256;
/** Asking for random bytes one certificate at a time costs as much as encoding it. */
let random = Buffer.alloc(0);

/** 126 random bits: positive, never zero, within the 20 octets of RFC 5280 4.1.2.2. */
function serialNumber(): Buffer {
  if (random.length === 0) random = randomBytes(SERIAL_BYTES * SERIALS_AHEAD);
  const bytes = random.subarray(0, SERIAL_BYTES);
  random = random.subarray(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}
