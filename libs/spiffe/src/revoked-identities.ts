import { readDerElements, type DerElement } from './der-reader.js';
import { DER, der, sequence } from './der-writer.js';
import { readTime } from './x509-extensions.js';

/** An identity whose certificates are taken back. */
export interface RevokedIdentity {
  readonly spiffeId: string;
  /** Only those whose notBefore is earlier than this; null: all, also those to come. */
  readonly notBeforeMs: number | null;
}

/**
 * Our own CRL extension, not critical: others ignore it and go by the serial numbers. A CA cannot list the serial numbers of
 * an identity if it keeps no record of what it issued, and ours keeps none.
 *
 *     RevokedIdentities ::= SEQUENCE OF SEQUENCE { spiffeId IA5String, notBefore GeneralizedTime OPTIONAL }
 *
 * 2.25.166316657705494662158580798666388119057 (X.667: a UUID is registration enough).
 */
export const REVOKED_IDENTITIES_OID_HEX = '6981fa9fb694cda0dab89d9aaa8fe1c2dcb6bc11';

const IA5_STRING = 0x16;

export function encodeRevokedIdentities(identities: readonly RevokedIdentity[]): Buffer {
  return sequence(
    ...identities.map(({ spiffeId, notBeforeMs }) =>
      sequence(
        der(IA5_STRING, Buffer.from(spiffeId, 'latin1')),
        ...(notBeforeMs === null ? [] : [der(DER.generalizedTime, Buffer.from(timeText(notBeforeMs)))]),
      ),
    ),
  );
}

/** Seconds, rounded up: a certificate of the same second is taken back, too. */
function timeText(ms: number): string {
  return new Date(Math.ceil(ms / 1000) * 1000).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
}

/** Null if malformed: the CRL is then refused as a whole, for half of a list lets somebody in. */
export function decodeRevokedIdentities(value: Uint8Array): readonly RevokedIdentity[] | null {
  const [list, ...after] = readDerElements(value, 0, value.length) ?? [];
  if (list?.tag !== DER.sequence || after.length > 0) return null;
  const items = readDerElements(value, list.start, list.end)?.map((item) => decodeItem(value, item)) ?? [null];
  return items.every((item) => item !== null) ? items : null;
}

function decodeItem(bytes: Uint8Array, item: DerElement): RevokedIdentity | null {
  if (item.tag !== DER.sequence) return null;
  const [name, time, ...more] = readDerElements(bytes, item.start, item.end) ?? [];
  if (name?.tag !== IA5_STRING || more.length > 0) return null;
  const spiffeId = Buffer.from(bytes.subarray(name.start, name.end)).toString('latin1');
  if (time === undefined) return { spiffeId, notBeforeMs: null };
  const notBefore = time.tag === DER.generalizedTime ? readTime(bytes, time) : null;
  return notBefore === null ? null : { spiffeId, notBeforeMs: notBefore.getTime() };
}
