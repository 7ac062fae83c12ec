import { Memory } from '@weft/linux';
import { openSsl, openSslProblem } from './openssl.js';

export type EcdsaCurve = 'P-256' | 'P-384';
export type EcdsaDigest = 'sha256' | 'sha384' | 'sha512';

export interface EcdsaSignature {
  readonly curve: EcdsaCurve;
  /** Uncompressed: 0x04, x, y. */
  readonly point: Uint8Array;
  readonly digest: EcdsaDigest;
  readonly signed: Uint8Array;
  /** DER, as X.509 and PKCS#10 have it. */
  readonly signature: Uint8Array;
}

/** `no-key`: the point is none of its curve. */
export type EcdsaVerdict = 'good' | 'bad' | 'no-key';

/** Numbers of OpenSSL's objects. */
const CURVES: Readonly<Record<EcdsaCurve, number>> = { 'P-256': 415, 'P-384': 715 };
const DIGESTS = {
  sha256: { hash: 'SHA256', bytes: 32 },
  sha384: { hash: 'SHA384', bytes: 48 },
  sha512: { hash: 'SHA512', bytes: 64 },
} as const;
const LONGEST_BYTES = 16_384;
const POINT_AT = 0;
const SIGNATURE_AT = 256;
const DIGEST_AT = 512;
const SIGNED_AT = 1024;
const LONGEST_SIGNATURE = DIGEST_AT - SIGNATURE_AT;
const GOOD = 1;
const UNCOMPRESSED = 4;

/**
 * Verifies ECDSA signatures of keys that are seen once. node:crypto makes a key object for each, multiplies the point by the order
 * of the curve and copies the key between two libraries, which takes as long as verifying. Here one key of each curve is filled
 * again and again. What is checked is the same: both curves have cofactor 1, so that a point on the curve (which OpenSSL checks,
 * with its coordinates) is in the group, and the point at infinity has no uncompressed form.
 */
export class EcdsaVerifier {
  readonly #keys: Readonly<Record<EcdsaCurve, number>>;
  readonly #room = Memory.allocate(SIGNED_AT + LONGEST_BYTES);

  private constructor() {
    const make = (curve: EcdsaCurve): number => openSsl().EC_KEY_new_by_curve_name(CURVES[curve]);
    this.#keys = { 'P-256': make('P-256'), 'P-384': make('P-384') };
  }

  /** Null where OpenSSL cannot be called: use node:crypto. */
  static create(): EcdsaVerifier | null {
    if (openSslProblem() !== null) return null;
    const verifier = new EcdsaVerifier();
    return Object.values(verifier.#keys).every((key) => key !== 0) ? verifier : null;
  }

  /** `bad` also for a signature that is not DER, and for what is larger than 16 kB. */
  verify({ curve, point, digest, signed, signature }: EcdsaSignature): EcdsaVerdict {
    const ssl = openSsl();
    const room = this.#room;
    const key = this.#keys[curve];
    if (point.length !== (curve === 'P-256' ? 65 : 97) || point[0] !== UNCOMPRESSED) return 'no-key';
    if (signed.length > LONGEST_BYTES || signature.length > LONGEST_SIGNATURE) return 'bad';
    room.bytes.set(point, POINT_AT);
    if (ssl.EC_KEY_oct2key(key, room.addressAt(POINT_AT, point.length), point.length, 0) !== GOOD)
      return without('no-key');
    room.bytes.set(signature, SIGNATURE_AT);
    room.bytes.set(signed, SIGNED_AT);
    const { hash, bytes } = DIGESTS[digest];
    const digestAt = room.addressAt(DIGEST_AT, bytes);
    ssl[hash](room.addressAt(SIGNED_AT, signed.length), signed.length, digestAt);
    const signatureAt = room.addressAt(SIGNATURE_AT, signature.length);
    const verified = ssl.ECDSA_verify(0, digestAt, bytes, signatureAt, signature.length, key) === GOOD;
    return verified ? 'good' : without('bad');
  }
}

/** Why is of no interest, and must not be found by whoever asks OpenSSL next. */
function without<T>(verdict: T): T {
  openSsl().ERR_clear_error();
  return verdict;
}
