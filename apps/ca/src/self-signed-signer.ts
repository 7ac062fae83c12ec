import { X509Certificate } from 'node:crypto';
import { isAlreadyExists, isConflict, isNotFound, SECRETS, type KubeClient, type Secret } from '@weft/kube';
import { err, MeshError, ok, toError, type Clock, type Result } from '@weft/result';
import type { Logger } from '@weft/runtime';
import { CertificateAuthority, createRoot, type AuthorityMaterial } from '@weft/spiffe';
import type { AuthorityHolder } from './authority-holder.js';
import type { CaMetrics } from './ca-metrics.js';
import type { CaConfig } from './config.js';
import { continuityProblem } from './plugged-in-files.js';
import {
  CERTIFICATE,
  EMERGENCY,
  materialOf,
  PRIVATE_KEY,
  readRootRecord,
  ROTATE_ANNOTATION,
  ROTATION_STAGES,
  writeRootRecord,
  type RootRecord,
  type SigningRoot,
} from './root-record.js';
import { nextStep, replaceRootAtOnce, stageWaitMs, takeStep, type RotationStep } from './root-rotation.js';
import { RootUnusableError, type Signer } from './signer.js';

/** A replica that has not read the Secret for this many refreshes stops issuing: it may have missed a step of a rotation. */
const STALE_AFTER_REFRESHES = 6;
/** The root is replaced when less than this part of its life remains, as Istio does. */
const RENEW_AT_REMAINING = 0.2;
const MOST_CONFLICTS = 5;

/** `CA_ROOT_BUSY`: the root Secret changed under every attempt to write it. */
class RootBusyError extends MeshError {
  readonly code = 'CA_ROOT_BUSY';
}

export interface SelfSignedSignerOptions {
  readonly kube: Pick<KubeClient, 'get' | 'create' | 'replace' | 'event'>;
  readonly config: CaConfig;
  readonly holder: AuthorityHolder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: CaMetrics;
  /** May this replica write, and has every namespace this bundle? */
  readonly rotation: { isLeader(): boolean; isEverywhere(rootsPem: string): boolean };
}

/**
 * Signs with the root in its Secret and replaces that root step by step. Every replica reads the Secret all the time and acts
 * on what it says; the leader writes the steps, each a compare-and-swap, so any replica can go on where another one ended.
 */
export class SelfSignedSigner implements Signer {
  readonly name = 'self-signed root';
  #cancel: () => void = () => undefined;
  #stopped = false;
  #record: RootRecord | null = null;
  /** When the last successful read of the Secret began, whatever it held. */
  #readAtMs = 0;
  /** The last time the Secret could not be used; waits are counted from there again. */
  #refusedAtMs = 0;

  constructor(private readonly options: SelfSignedSignerOptions) {}

  async start(): Promise<void> {
    const { kube, config, holder, clock } = this.options;
    const { namespace, rootSecret } = config;
    const readAtMs = clock.now();
    const secret = (await kube.get(SECRETS, namespace, rootSecret)) ?? (await this.#create());
    const problem = await this.#take(secret, readAtMs);
    if (problem !== null) {
      throw new RootUnusableError(
        `Secret ${namespace}/${rootSecret}: ${problem}. Put a matching ${CERTIFICATE} and ${PRIVATE_KEY} into it, or delete it to have a new root made (every workload then needs a new certificate)`,
      );
    }
    if (holder.current === null) throw new TypeError('a usable root was accepted');
    this.#arm();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    return Promise.resolve();
  }

  current(): Result<CertificateAuthority, string> {
    const { holder, clock, config } = this.options;
    const authority = holder.current;
    if (authority === null) return err('the root is not loaded yet');
    const ageMs = clock.now() - this.#readAtMs;
    if (ageMs > STALE_AFTER_REFRESHES * config.rootRefreshMs)
      return err(`the root Secret was last read ${Math.round(ageMs / 1000)} s ago; its root may have been replaced`);
    if (authority.notAfter.getTime() <= clock.now())
      return err(`the root expired at ${authority.notAfter.toISOString()}`);
    return ok(authority);
  }

  rootsPem(): string {
    return this.options.holder.current?.material.rootsPem ?? '';
  }

  /** While the root before this one has certificates alive, it can still take them back. */
  revoking(): readonly AuthorityMaterial[] {
    const { holder } = this.options;
    if (holder.current === null) return [];
    const { material } = holder.current;
    const previous = this.#record?.previous ?? null;
    if (previous === null || previous.privateKeyPem === '') return [material];
    const { certificatePem: certificateChainPem, privateKeyPem } = previous;
    return [material, { certificateChainPem, privateKeyPem, rootsPem: material.rootsPem }];
  }

  foreignCrl(): string {
    return '';
  }

  distrustedPem(): string {
    return this.#record?.distrustedPem ?? '';
  }

  onChange(listener: () => void): void {
    this.options.holder.onChange(listener);
  }

  /** Notes a lifetime longer than any before in the Secret, so that a rotation waits for the SVIDs that have it. */
  async admitTtl(ttlMs: number): Promise<void> {
    const { kube, config, clock } = this.options;
    for (let attempt = 0; attempt < MOST_CONFLICTS; attempt++) {
      if (this.#record === null || this.#record.longestTtlMs >= ttlMs) return;
      const readAtMs = clock.now();
      const secret = await kube.get(SECRETS, config.namespace, config.rootSecret);
      const record = secret && readRootRecord(secret, config.maxTtlMs);
      if (!record?.ok) throw new RootBusyError('the root Secret cannot be read to note a longer lifetime');
      // Doubled, so that lifetimes that grow little by little cost few writes.
      const longestTtlMs = Math.min(Math.max(ttlMs, record.value.longestTtlMs * 2), config.maxTtlMs);
      if (record.value.longestTtlMs >= ttlMs) await this.#take(secret!, readAtMs);
      else await this.#write(secret!, { ...record.value, longestTtlMs }).catch(ignoreConflict);
    }
    throw new RootBusyError('the root Secret changed under every attempt to note a longer lifetime');
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#cancel = this.options.clock.after(this.options.config.rootRefreshMs, () => {
      void this.#refresh().finally(() => this.#arm());
    });
  }

  async #refresh(): Promise<void> {
    const { kube, config, holder, clock, log, rotation } = this.options;
    const { namespace, rootSecret: name } = config;
    try {
      const readAtMs = clock.now();
      const secret = await kube.get(SECRETS, namespace, name);
      const problem = secret === null ? 'it was deleted' : await this.#take(secret, readAtMs);
      if (secret === null || problem !== null) {
        this.#readAtMs = readAtMs;
        this.#refusedAtMs = clock.now();
        const object = rootSecretRef(namespace, name, secret?.metadata?.uid);
        holder.refuse(object, `Secret ${namespace}/${name}: ${problem ?? ''}`);
      } else if (rotation.isLeader()) {
        await this.#advance(secret);
      }
    } catch (thrown) {
      if (!isConflict(thrown)) log.warn({ err: toError(thrown).message }, 'cannot read or advance the root Secret');
    }
  }

  /** Makes the Secret's state ours; else says why not, and everything stays as it was. */
  async #take(secret: Secret, readAtMs: number): Promise<string | null> {
    const { config, holder, clock, metrics } = this.options;
    // Each stage lasts longer than this, so who read in time has missed no step, and a jump is not the work of a rotation.
    const upToDate = readAtMs - this.#readAtMs <= STALE_AFTER_REFRESHES * config.rootRefreshMs;
    this.#readAtMs = readAtMs;
    const record = readRootRecord(secret, config.maxTtlMs);
    if (!record.ok) return record.error;
    const loaded = await CertificateAuthority.load(materialOf(record.value), clock.now());
    if (!loaded.ok) return loaded.error.message;
    const { distrustedPem } = record.value;
    const compared = upToDate ? holder.current : null;
    const discontinuity = compared === null ? null : continuityProblem(compared, loaded.value, distrustedPem);
    if (discontinuity !== null) return discontinuity;
    // Another signer may have taken over meanwhile.
    if (this.#stopped) return null;
    this.#record = record.value;
    for (const state of ROTATION_STAGES) metrics.rotationState.set({ state }, state === record.value.stage ? 1 : 0);
    holder.accept(loaded.value);
    return null;
  }

  async #advance(secret: Secret): Promise<void> {
    const { clock, config, rotation, kube, log } = this.options;
    const record = this.#record;
    if (record === null) return;
    const nowMs = clock.now();
    if (secret.metadata?.annotations?.[ROTATE_ANNOTATION] === EMERGENCY) return this.#replaceAtOnce(secret, record);
    const held = { ...record, sinceMs: Math.max(record.sinceMs, this.#refusedAtMs) };
    const everywhere = rotation.isEverywhere(this.rootsPem());
    const wanted = ROTATE_ANNOTATION in (secret.metadata?.annotations ?? {}) || isEnding(record, nowMs);
    const waitMs = stageWaitMs(record, STALE_AFTER_REFRESHES * config.rootRefreshMs, config.rotationWaitMs);
    const step = nextStep(held, { nowMs, everywhere, waitMs, wanted });
    if (step === null) return;
    const after = takeStep(record, step, nowMs, step === 'begin' ? await this.#newRoot() : null);
    await this.#write(secret, after);
    log.info({ step, state: after.stage }, 'root rotation advanced');
    const object = rootSecretRef(config.namespace, config.rootSecret, secret.metadata?.uid);
    kube.event(object, 'Normal', 'RootRotation', MESSAGES[step]);
  }

  async #replaceAtOnce(secret: Secret, record: RootRecord): Promise<void> {
    const { clock, config, kube, log } = this.options;
    await this.#write(secret, replaceRootAtOnce(record, await this.#newRoot(), clock.now()), true);
    log.warn({}, 'the root was replaced at once, and every root before it is distrusted');
    const object = rootSecretRef(config.namespace, config.rootSecret, secret.metadata?.uid);
    kube.event(object, 'Warning', 'RootReplaced', 'A new root signs from now on; every root before it is distrusted');
  }

  async #write(secret: Secret, record: RootRecord, granted?: boolean): Promise<void> {
    const readAtMs = this.options.clock.now();
    await this.#take(await this.options.kube.replace(SECRETS, writeRootRecord(secret, record, granted)), readAtMs);
  }

  async #newRoot(): Promise<SigningRoot> {
    const { trustDomain, rootKeyType: keyType, rootTtlMs: ttlMs } = this.options.config;
    const root = await createRoot({ trustDomain, keyType, ttlMs, now: this.options.clock.now() });
    return { certificatePem: root.certificateChainPem, privateKeyPem: root.privateKeyPem };
  }

  /** Of several replicas that start at once exactly one creates the Secret, and the others read that. */
  async #create(): Promise<Secret> {
    const { kube, config, clock } = this.options;
    const { namespace, rootSecret: name, defaultTtlMs } = config;
    const signing = await this.#newRoot();
    const record: RootRecord = {
      ...{ stage: 'stable', sinceMs: clock.now(), distributedMs: null, next: null, previous: null },
      ...{ signing, rootsPem: signing.certificatePem, distrustedPem: '', longestTtlMs: defaultTtlMs },
    };
    try {
      const secret = writeRootRecord({ metadata: { namespace, name }, type: 'istio.io/ca-root' }, record);
      return await kube.create(SECRETS, secret);
    } catch (failure) {
      if (!isAlreadyExists(failure) && !isConflict(failure)) throw failure;
      const winner = await kube.get(SECRETS, namespace, name);
      if (winner === null) throw failure;
      return winner;
    }
  }
}

const MESSAGES: Readonly<Record<RotationStep, string>> = {
  begin: 'A new root was made and is being distributed; the old one still signs',
  distributed: 'Every namespace has the old and the new root; waiting until every workload has renewed',
  sign: 'The new root signs; the old one stays trusted until the last certificate of it has expired',
  retire: 'No certificate of the old root is alive; it is being taken out of the bundles',
  finish: 'The rotation of the root is complete',
};

function isEnding({ signing }: RootRecord, nowMs: number): boolean {
  const { validFromDate, validToDate } = new X509Certificate(signing.certificatePem);
  const end = validToDate.getTime();
  return end - nowMs < RENEW_AT_REMAINING * (end - validFromDate.getTime());
}

const rootSecretRef = (namespace: string, name: string, uid?: string): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace, name, ...(uid !== undefined && { uid }) },
});

function ignoreConflict(failure: unknown): void {
  if (!isConflict(failure) && !isNotFound(failure)) throw failure;
}
