import type { Secret } from '@weft/kube';
import { err, ok, type Result } from '@weft/result';
import { parseTrustBundle, type AuthorityMaterial } from '@weft/spiffe';

/**
 * - `stable`: one signing root.
 * - `distributing`: the old root signs, every answer and ConfigMap carries the old and the new one.
 * - `signing`: the new root signs, both are carried.
 * - `retiring`: the new root signs and is carried alone; the ConfigMaps are being rewritten.
 */
export const ROTATION_STAGES = ['stable', 'distributing', 'signing', 'retiring'] as const;
export type RotationStage = (typeof ROTATION_STAGES)[number];

export interface SigningRoot {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** What the root Secret says. Every replica acts on it; only the leader advances `stage`. */
export interface RootRecord {
  readonly stage: RotationStage;
  /** When the stage was entered. */
  readonly sinceMs: number;
  /** When every namespace was first seen to have the bundle of stage `distributing`; null before, and in other stages. */
  readonly distributedMs: number | null;
  readonly signing: SigningRoot;
  /** The root that takes over; not null if and only if `distributing`. */
  readonly next: SigningRoot | null;
  /** The root that signed before, whose certificates still live; not null if and only if `signing`. It signs CRLs alone. */
  readonly previous: SigningRoot | null;
  readonly rootsPem: string;
  /** Roots that an operator distrusted from one moment to the next; '' if none. */
  readonly distrustedPem: string;
  /** No SVID was issued with a longer lifetime. Raised before the first such one is issued. */
  readonly longestTtlMs: number;
}

/** The keys of Istio's own root Secret, so that either CA can take over from the other; then ours. */
export const CERTIFICATE = 'ca-cert.pem';
export const PRIVATE_KEY = 'ca-key.pem';
const ROOTS = 'root-cert.pem';
const NEXT_CERTIFICATE = 'next-ca-cert.pem';
const NEXT_PRIVATE_KEY = 'next-ca-key.pem';
const PREVIOUS = 'previous-root-cert.pem';
const PREVIOUS_PRIVATE_KEY = 'previous-ca-key.pem';
export const DISTRUSTED_ROOTS = 'distrusted-roots.pem';
const STATE = 'rotation.json';

/**
 * Set by an operator to have the root replaced; taken away when that has begun. `emergency`: at once, and the old one is
 * distrusted; any other text: step by step.
 */
export const ROTATE_ANNOTATION = 'ca.weft.io/rotate-root';
export const EMERGENCY = 'emergency';
/** For people: the stage, as the metric has it. */
export const STAGE_ANNOTATION = 'ca.weft.io/rotation-state';

/** Material to sign with at this stage. */
export function materialOf({ signing, rootsPem }: RootRecord): AuthorityMaterial {
  return { certificateChainPem: signing.certificatePem, privateKeyPem: signing.privateKeyPem, rootsPem };
}

/**
 * Reads the Secret. One without a state is stable: made by an older version, by Istio or by hand; `unknownTtlMs` is then
 * taken as the longest lifetime it may have issued.
 */
export function readRootRecord(secret: Secret, unknownTtlMs: number): Result<RootRecord, string> {
  const text = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
  const signing = { certificatePem: text(CERTIFICATE), privateKeyPem: text(PRIVATE_KEY) };
  const rootsPem = text(ROOTS).trim() === '' ? signing.certificatePem : text(ROOTS);
  const state = readState(text(STATE), unknownTtlMs);
  if (!state.ok) return state;
  const { stage } = state.value;
  const next = { certificatePem: text(NEXT_CERTIFICATE), privateKeyPem: text(NEXT_PRIVATE_KEY) };
  if (stage === 'distributing' && (next.certificatePem === '' || next.privateKeyPem === ''))
    return err(`${STATE} says distributing, but ${NEXT_CERTIFICATE} or ${NEXT_PRIVATE_KEY} is missing`);
  const previousPem = text(PREVIOUS);
  if (stage === 'signing' && !parseTrustBundle(previousPem).ok)
    return err(`${STATE} says signing, but ${PREVIOUS} is not a root certificate`);
  return ok({
    ...state.value,
    signing,
    rootsPem,
    next: stage === 'distributing' ? next : null,
    previous: stage === 'signing' ? { certificatePem: previousPem, privateKeyPem: text(PREVIOUS_PRIVATE_KEY) } : null,
    distrustedPem: text(DISTRUSTED_ROOTS),
  });
}

type State = Pick<RootRecord, 'stage' | 'sinceMs' | 'distributedMs' | 'longestTtlMs'>;

function readState(text: string, unknownTtlMs: number): Result<State, string> {
  if (text.trim() === '') return ok({ stage: 'stable', sinceMs: 0, distributedMs: null, longestTtlMs: unknownTtlMs });
  let fields: Record<string, unknown>;
  try {
    fields = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return err(`${STATE} is not JSON`);
  }
  const stage = ROTATION_STAGES.find((known) => known === fields['state']);
  if (stage === undefined) return err(`${STATE}: state is not one of ${ROTATION_STAGES.join(', ')}`);
  const since = timeOf(fields['since']);
  if (since === null) return err(`${STATE}: since is not a time`);
  const distributed = fields['distributed'] === undefined ? null : timeOf(fields['distributed']);
  if (fields['distributed'] !== undefined && distributed === null) return err(`${STATE}: distributed is not a time`);
  const ttl = fields['longestTtlSeconds'];
  if (typeof ttl !== 'number' || !(ttl > 0)) return err(`${STATE}: longestTtlSeconds is not a positive number`);
  return ok({ stage, sinceMs: since, distributedMs: distributed, longestTtlMs: ttl * 1000 });
}

function timeOf(value: unknown): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** `secret` with the record written into it; keys and annotations that are not ours stay. */
export function writeRootRecord(secret: Secret, record: RootRecord, granted = record.stage === 'distributing'): Secret {
  const { signing, next, previous, rootsPem, distrustedPem, stage, sinceMs, distributedMs, longestTtlMs } = record;
  const state = {
    state: stage,
    since: new Date(sinceMs).toISOString(),
    ...(distributedMs !== null && { distributed: new Date(distributedMs).toISOString() }),
    longestTtlSeconds: Math.ceil(longestTtlMs / 1000),
  };
  const ours: Record<string, string | undefined> = {
    [CERTIFICATE]: signing.certificatePem,
    [PRIVATE_KEY]: signing.privateKeyPem,
    [ROOTS]: rootsPem,
    [NEXT_CERTIFICATE]: next?.certificatePem,
    [NEXT_PRIVATE_KEY]: next?.privateKeyPem,
    [PREVIOUS]: previous?.certificatePem,
    [PREVIOUS_PRIVATE_KEY]: previous?.privateKeyPem || undefined,
    [DISTRUSTED_ROOTS]: distrustedPem || undefined,
    [STATE]: JSON.stringify(state),
  };
  const foreign = Object.entries(secret.data ?? {}).filter(([key]) => !(key in ours));
  const written = Object.entries(ours).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, Buffer.from(value).toString('base64')] as const],
  );
  const data = Object.fromEntries([...foreign, ...written]);
  // The wish to rotate is granted when the rotation begins.
  const kept = Object.entries(secret.metadata?.annotations ?? {}).filter(
    ([key]) => key !== ROTATE_ANNOTATION || !granted,
  );
  const annotations = { ...Object.fromEntries(kept), [STAGE_ANNOTATION]: stage };
  return { ...secret, metadata: { ...secret.metadata, annotations }, data };
}
