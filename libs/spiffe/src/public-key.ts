import { createPublicKey, type KeyObject } from 'node:crypto';
import { err, ok, type Result } from '@weft/result';
import { EC_PUBLIC_KEY, KEY_ALGORITHMS } from './algorithms.js';
import { readDerElements, type DerElement } from './der-reader.js';
import { DER } from './der-writer.js';

/** A subject public key that is strong enough to certify. */
export interface PublicKey {
  /** SubjectPublicKeyInfo, byte for byte as it was asked for. */
  readonly spki: Buffer;
  readonly family: 'ec' | 'rsa' | 'ed25519';
  /** Of ECDSA: the curve, and the point in its uncompressed form. Nobody has checked yet that it is on the curve. */
  readonly ec?: { readonly curve: 'P-256' | 'P-384'; readonly point: Buffer };
  /** For node:crypto. Throws for a point that is not on its curve. */
  import(): KeyObject;
}

const MALFORMED = 'not a PKCS#10 request with a supported key';
const UNCOMPRESSED = 0x04;

/**
 * Reads a SubjectPublicKeyInfo: ECDSA on P-256 or P-384 with an uncompressed point, RSA of 2048 to 4096 bits, Ed25519.
 * Anything else is refused by name. node:crypto would read any of these, too, but takes longer for that than for verifying.
 */
export function readPublicKey(bytes: Buffer, at: DerElement, from: number): Result<PublicKey, string> {
  const [algorithm, key, ...more] = readDerElements(bytes, at.start, at.end) ?? [];
  if (algorithm?.tag !== DER.sequence || key?.tag !== DER.bitString || more.length > 0) return err(MALFORMED);
  if (bytes[key.start] !== 0 || key.end - key.start < 2) return err(MALFORMED);
  const spki = bytes.subarray(from, at.end);
  const content = bytes.subarray(key.start + 1, key.end);
  const identifier = bytes.subarray(at.start, algorithm.end);
  if (identifier.equals(KEY_ALGORITHMS.p256)) return ecKey(spki, content, 'P-256', 32);
  if (identifier.equals(KEY_ALGORITHMS.p384)) return ecKey(spki, content, 'P-384', 48);
  if (identifier.equals(KEY_ALGORITHMS.rsa)) return rsaKey(spki, content);
  if (identifier.equals(KEY_ALGORITHMS.ed25519)) return ed25519Key(spki, content);
  const elsewhere = bytes.subarray(algorithm.start).indexOf(EC_PUBLIC_KEY) === 0;
  return err(elsewhere ? 'want curve P-256 or P-384' : 'want a key of type ECDSA P-256, P-384, RSA or Ed25519');
}

function ecKey(
  spki: Buffer,
  point: Buffer,
  curve: 'P-256' | 'P-384',
  coordinateBytes: number,
): Result<PublicKey, string> {
  if (point[0] !== UNCOMPRESSED || point.length !== 1 + 2 * coordinateBytes) return err(MALFORMED);
  const [x, y] = [point.subarray(1, 1 + coordinateBytes), point.subarray(1 + coordinateBytes)];
  const importKey = (): KeyObject => {
    // As a JWK because node:crypto reads a SubjectPublicKeyInfo twice as slowly.
    const key = { kty: 'EC', crv: curve, x: x.toString('base64url'), y: y.toString('base64url') };
    return createPublicKey({ key, format: 'jwk' });
  };
  return ok({ spki, family: 'ec', ec: { curve, point }, import: importKey });
}

function rsaKey(spki: Buffer, content: Buffer): Result<PublicKey, string> {
  const outer = readDerElements(content, 0, content.length);
  if (outer?.length !== 1 || outer[0]!.tag !== DER.sequence) return err(MALFORMED);
  const [modulus, exponent, ...more] = readDerElements(content, outer[0]!.start, outer[0]!.end) ?? [];
  if (more.length > 0 || !isPositive(content, modulus) || !isPositive(content, exponent)) return err(MALFORMED);
  const bits = bitLength(content, modulus!);
  if (bits < 2048 || bits > 4096) return err('want an RSA key of 2048 to 4096 bits');
  const power = BigInt(`0x${content.subarray(exponent!.start, exponent!.end).toString('hex')}`);
  if (power < 65_537n || power % 2n === 0n) return err('want an odd RSA exponent of 65537 or more');
  const key = { key: Buffer.from(content), format: 'der', type: 'pkcs1' } as const;
  return ok({ spki, family: 'rsa', import: () => createPublicKey(key) });
}

function ed25519Key(spki: Buffer, content: Buffer): Result<PublicKey, string> {
  if (content.length !== 32) return err(MALFORMED);
  const key = { kty: 'OKP', crv: 'Ed25519', x: content.toString('base64url') };
  return ok({ spki, family: 'ed25519', import: () => createPublicKey({ key, format: 'jwk' }) });
}

/** A positive INTEGER without a superfluous leading byte (X.690 8.3.2). */
function isPositive(bytes: Buffer, element: DerElement | undefined): boolean {
  if (element?.tag !== DER.integer || element.start === element.end) return false;
  const first = bytes[element.start]!;
  if (first !== 0) return first < 0x80;
  return element.end - element.start > 1 && bytes[element.start + 1]! >= 0x80;
}

function bitLength(bytes: Buffer, { start, end }: DerElement): number {
  const first = bytes[start] === 0 ? start + 1 : start;
  return (end - first) * 8 - (Math.clz32(bytes[first]!) - 24);
}
