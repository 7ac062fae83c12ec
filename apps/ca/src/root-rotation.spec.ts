import fc from 'fast-check';
import { CertificateAuthority, checkCsr, createCsr, createRoot, parseTrustBundle, verifyChain } from '@weft/spiffe';
import { materialOf, type RootRecord, type SigningRoot } from './root-record.js';
import { nextStep, stageWaitMs, takeStep } from './root-rotation.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const NOW = Date.UTC(2026, 0, 1);

let pool: SigningRoot[];
beforeAll(async () => {
  pool = [];
  for (let i = 0; i < 12; i++) {
    const root = await createRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: 1e6 * HOUR, now: NOW });
    pool.push({ certificatePem: root.certificateChainPem, privateKeyPem: root.privateKeyPem });
  }
});

function stable(root = pool[0]!): RootRecord {
  const record = {
    stage: 'stable',
    sinceMs: NOW,
    distributedMs: null,
    next: null,
    previous: null,
    distrustedPem: '',
  } as const;
  return { ...record, signing: root, rootsPem: root.certificatePem, longestTtlMs: HOUR };
}
const rootsOf = (pem: string): number => {
  const parsed = parseTrustBundle(pem);
  return parsed.ok ? parsed.value.certificates.length : 0;
};

describe('the rotation of the root', () => {
  const view = { nowMs: NOW, everywhere: true, waitMs: HOUR, wanted: true };

  it('goes stable, distributing, signing, retiring, stable, with both roots trusted in between', () => {
    const seen: [string, number, boolean][] = [];
    let record = stable();
    let nowMs = NOW;
    do {
      const step = nextStep(record, { ...view, nowMs, wanted: seen.length === 0 });
      if (step === null) nowMs += HOUR / 2;
      else record = takeStep(record, step, nowMs, pool[1]!);
      if (step !== null) seen.push([record.stage, rootsOf(record.rootsPem), record.signing === pool[1]]);
    } while (record.stage !== 'stable');
    expect(seen).toEqual([
      ['distributing', 2, false],
      ['distributing', 2, false],
      ['signing', 2, true],
      ['retiring', 1, true],
      ['stable', 1, true],
    ]);
    expect(nowMs - NOW).toBe(2 * HOUR);
    expect(record).toMatchObject({ next: null, previous: null });
  });

  it.each<[string, Partial<RootRecord>, Partial<typeof view>]>([
    ['does not begin unless wanted', {}, { wanted: false }],
    ['does not sign with a root that some namespace does not have', { stage: 'distributing', distributedMs: NOW }, { everywhere: false, nowMs: NOW + 9 * HOUR }], // prettier-ignore
    ['does not sign while a SVID from before the bundle may live', { stage: 'distributing', distributedMs: NOW }, { nowMs: NOW + HOUR - 1 }], // prettier-ignore
    ['does not retire a root while a SVID of it may live', { stage: 'signing' }, { nowMs: NOW + HOUR - 1 }],
    ['is not finished before the bundles are rewritten', { stage: 'retiring' }, { everywhere: false }],
  ])('%s', (_rule, record, change) => {
    expect(nextStep({ ...stable(), ...record }, { ...view, ...change })).toBeNull();
  });

  it('keeps roots that an operator added to the bundle', () => {
    const withForeign = { ...stable(), rootsPem: pool[0]!.certificatePem + pool[5]!.certificatePem };
    let record = takeStep(withForeign, 'begin', NOW, pool[1]!);
    for (const step of ['sign', 'retire', 'finish'] as const) record = takeStep(record, step, NOW, null);
    expect(rootsOf(record.rootsPem)).toBe(2);
    expect(record.rootsPem).toContain(pool[5]!.certificatePem.trim());
  });
});

/** What a random moment brings. */
interface Happening {
  readonly kind: 'renew' | 'read' | 'lead' | 'rotate';
  /** Which workload and which replica. */
  readonly who: number;
  readonly replica: number;
  readonly afterMs: number;
  readonly ttlMs: number;
  readonly everywhere: boolean;
}
interface ModelSvid {
  readonly rootPem: string;
  readonly trusts: string;
  readonly notAfterMs: number;
  readonly bornMs: number;
}

const STALE_MS = 30_000;
const happening: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constantFrom('renew', 'renew', 'renew', 'read', 'read', 'lead', 'lead', 'lead', 'rotate'),
  who: fc.nat(5),
  replica: fc.nat(2),
  afterMs: fc.oneof(fc.nat(MINUTE), fc.nat(30 * MINUTE)),
  ttlMs: fc.integer({ min: MINUTE, max: 3 * HOUR }),
  everywhere: fc.boolean(),
});

/**
 * Replicas with views of different age, workloads that renew when they like or not at all, steps by whoever leads. Calls back
 * with each SVID issued; gives the first pair of live SVIDs that do not accept each other, or null.
 */
function simulate(
  happenings: readonly Happening[],
  waitOf: (record: RootRecord) => number,
  issued: (record: RootRecord, atMs: number, ttlMs: number) => void = () => undefined,
): { pair: readonly [ModelSvid, ModelSvid] | null; rotations: number } {
  let nowMs = NOW;
  let record = stable();
  let used = 1;
  let rotations = 0;
  let wanted = false;
  const views = Array.from({ length: 3 }, () => ({ record, atMs: nowMs }));
  const svids = new Map<number, ModelSvid>();
  for (const { kind, who, replica, afterMs, ttlMs, everywhere } of happenings) {
    nowMs += afterMs;
    const view = views[replica]!;
    if (kind === 'read') views[replica] = { record, atMs: nowMs };
    if (kind === 'rotate') wanted = true;
    if (kind === 'lead') {
      const step = nextStep(record, { nowMs, everywhere, waitMs: waitOf(record), wanted });
      if (step === 'begin') wanted = false;
      if (step === 'finish') rotations++;
      if (step !== null) record = takeStep(record, step, nowMs, step === 'begin' ? pool[used++ % pool.length]! : null);
    }
    if (kind === 'renew' && nowMs - view.atMs <= STALE_MS) {
      // A longer lifetime is noted in the Secret first, which also brings the replica up to date.
      if (ttlMs > view.record.longestTtlMs) {
        record = { ...record, longestTtlMs: Math.max(record.longestTtlMs, ttlMs) };
        views[replica] = { record, atMs: nowMs };
      }
      const by = views[replica]!.record;
      svids.set(who, { rootPem: by.signing.certificatePem, trusts: by.rootsPem, notAfterMs: nowMs + ttlMs, bornMs: nowMs }); // prettier-ignore
      issued(by, nowMs, ttlMs);
    }
    const live = [...svids.values()].filter(({ notAfterMs }) => notAfterMs > nowMs);
    for (const a of live)
      for (const b of live) if (!a.trusts.includes(b.rootPem.trim())) return { pair: [a, b], rotations };
  }
  return { pair: null, rotations };
}

describe('properties', () => {
  const runs = fc.array(happening, { minLength: 60, maxLength: 250 });
  const safeWait = (record: RootRecord): number => stageWaitMs(record, STALE_MS, null);

  it('every pair of live SVIDs accepts each other at every moment, however renewals and steps interleave', () => {
    let rotations = 0;
    fc.assert(
      fc.property(runs, (happenings) => {
        const result = simulate(happenings, safeWait);
        rotations += result.rotations;
        return result.pair === null;
      }),
    );
    expect(rotations).toBeGreaterThan(10); // else it has shown nothing
  });

  it('needs its waits: without them some pair does not, so the model can tell', () => {
    const outcome = fc.check(
      fc.property(runs, (happenings) => simulate(happenings, () => 0).pair === null),
      { numRuns: 2000, endOnFailure: true },
    );
    expect(outcome.failed).toBe(true);
  });

  it('needs the whole lifetime: a workload that did not renew at half of it would refuse the new root', () => {
    const at = (kind: Happening['kind'], afterMinutes: number, who = 0): Happening => ({
      ...{ kind, who, replica: 0, afterMs: afterMinutes * MINUTE, ttlMs: HOUR, everywhere: true },
    });
    const happenings = [
      at('renew', 0),
      ...[at('rotate', 0), at('lead', 0), at('lead', 0), at('lead', 35)],
      ...[at('read', 0), at('renew', 0, 1)],
    ];
    expect(simulate(happenings, ({ longestTtlMs }) => longestTtlMs / 2).pair).not.toBeNull();
    expect(simulate(happenings, safeWait).pair).toBeNull();
  });

  it('holds for real certificates as well', async () => {
    const { publicKey } = await checkedCsr();
    await fc.assert(
      fc.asyncProperty(runs, async (happenings) => {
        const issued: { record: RootRecord; atMs: number; ttlMs: number }[] = [];
        simulate(happenings, safeWait, (record, atMs, ttlMs) => issued.push({ record, atMs, ttlMs }));
        const svids = [];
        for (const { record, atMs, ttlMs } of issued) {
          const authority = await CertificateAuthority.load(materialOf(record), atMs);
          if (!authority.ok) throw authority.error;
          const { pem } = await authority.value.issue(publicKey, { spiffeId: WEB, ttlMs, now: atMs });
          svids.push({
            pem,
            root: authority.value.rootPem,
            roots: authority.value.material.rootsPem,
            atMs,
            untilMs: atMs + ttlMs,
          });
        }
        // One pair for each (root that signed, bundle that trusts) is as good as all of them.
        const seen = new Set<string>();
        for (const a of svids)
          for (const b of svids) {
            const bothMs = Math.max(a.atMs, b.atMs);
            const combination = `${a.root}${b.roots}`;
            if (seen.has(combination) || bothMs + 1000 >= Math.min(a.untilMs, b.untilMs)) continue;
            seen.add(combination);
            expect(verifyChain([a.pem], b.roots, bothMs)).toEqual({ ok: true, value: WEB });
          }
      }),
      { numRuns: 5 },
    );
  });
});

async function checkedCsr() {
  const csr = await checkCsr((await createCsr(WEB)).csrPem, WEB);
  if (!csr.ok) throw csr.error;
  return csr.value;
}
