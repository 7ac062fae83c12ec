import { assertNever } from '@weft/result';
import { mergeTrustBundles, withoutRoots } from '@weft/spiffe';
import type { RootRecord, SigningRoot } from './root-record.js';

/** Between the clocks of replicas, whose leader stamps the steps. */
const CLOCK_SKEW_MS = 2 * 60_000;

export interface RotationView {
  readonly nowMs: number;
  /** Every namespace has exactly the bundle of the record. */
  readonly everywhere: boolean;
  /** How long after a stage began no live SVID can be from before it. */
  readonly waitMs: number;
  /** An operator asks for a new root, or the signing one nears its end. */
  readonly wanted: boolean;
}

/** `distributed` notes that the bundle is everywhere; the others enter the next stage. */
export type RotationStep = 'begin' | 'distributed' | 'sign' | 'retire' | 'finish';

/**
 * The next step of replacing the root, or null while it is too early. Pure.
 *
 * Why no handshake fails: before `sign` every live SVID came with a bundle that holds the new root, so whoever meets the first
 * SVID of the new root accepts it; before `retire` no live SVID of the old root is left, so nobody needs it any more.
 */
export function nextStep(record: RootRecord, { nowMs, everywhere, waitMs, wanted }: RotationView): RotationStep | null {
  switch (record.stage) {
    case 'stable':
      return wanted ? 'begin' : null;
    case 'distributing': {
      if (!everywhere) return null;
      if (record.distributedMs === null) return 'distributed';
      return nowMs >= Math.max(record.sinceMs, record.distributedMs) + waitMs ? 'sign' : null;
    }
    case 'signing':
      return nowMs >= record.sinceMs + waitMs ? 'retire' : null;
    case 'retiring':
      return everywhere ? 'finish' : null;
    default:
      return assertNever(record.stage);
  }
}

/**
 * What was issued by the state before a stage is gone this long after the stage was written: the longest lifetime, after the
 * last replica that had not seen the stage stopped issuing (`staleMs`). An operator may set another lifetime.
 */
export function stageWaitMs({ longestTtlMs }: RootRecord, staleMs: number, lifetimeMs: number | null): number {
  return staleMs + (lifetimeMs ?? longestTtlMs + CLOCK_SKEW_MS);
}

/** The record after `step`; `newRoot` is needed for `begin` alone. */
export function takeStep(
  record: RootRecord,
  step: RotationStep,
  nowMs: number,
  newRoot: SigningRoot | null,
): RootRecord {
  const { signing, next, previous, rootsPem } = record;
  switch (step) {
    case 'begin': {
      if (newRoot === null) throw new TypeError('a rotation begins with a new root');
      const bundle = mergeTrustBundles(rootsPem, newRoot.certificatePem);
      return { ...record, stage: 'distributing', sinceMs: nowMs, distributedMs: null, next: newRoot, rootsPem: bundle };
    }
    case 'distributed':
      return { ...record, distributedMs: nowMs };
    case 'sign': {
      if (next === null) throw new TypeError('there is no root to sign with next');
      const change = { sinceMs: nowMs, distributedMs: null, signing: next, next: null, previous: signing };
      return { ...record, ...change, stage: 'signing' };
    }
    case 'retire': {
      const bundle = withoutRoots(rootsPem, previous?.certificatePem ?? '');
      return { ...record, stage: 'retiring', sinceMs: nowMs, previous: null, rootsPem: bundle };
    }
    case 'finish':
      return { ...record, stage: 'stable', sinceMs: nowMs };
    default:
      return assertNever(step);
  }
}

/**
 * The record after an emergency: `newRoot` signs and is trusted alone, and every root before it is distrusted. Certificates
 * of the old roots are refused from the moment a proxy hears of it until it has renewed.
 */
export function replaceRootAtOnce(record: RootRecord, newRoot: SigningRoot, nowMs: number): RootRecord {
  const change = { sinceMs: nowMs, distributedMs: null, signing: newRoot, next: null, previous: null };
  const distrustedPem = mergeTrustBundles(record.distrustedPem, record.rootsPem, record.signing.certificatePem);
  return { ...record, ...change, stage: 'stable', rootsPem: newRoot.certificatePem, distrustedPem };
}
