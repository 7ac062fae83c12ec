import type { KubeObject } from '@weft/kube';
import type { Logger } from '@weft/runtime';
import type { CertificateAuthority } from '@weft/spiffe';
import type { CaMetrics } from './ca-metrics.js';

/** Writes an event on an object that an operator looks at. */
export type EventWriter = (object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string) => void;

/**
 * The authority that signs now. A change that cannot be used leaves the last good one in place and is told once: a warning in
 * the log, an event on the object it came from, and a metric that stays up until the source is good again.
 */
export class AuthorityHolder {
  #current: CertificateAuthority | null = null;
  #refusal: string | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(
    private readonly options: {
      readonly log: Logger;
      readonly metrics: CaMetrics;
      readonly event: EventWriter;
    },
  ) {}

  /** Null until the first good one. */
  get current(): CertificateAuthority | null {
    return this.#current;
  }

  /** Why the source as it is now cannot be used; null while it is good. */
  get refusal(): string | null {
    return this.#refusal;
  }

  /** Called after each change of the authority or of its roots. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  accept(authority: CertificateAuthority): void {
    const { log, metrics } = this.options;
    this.#refusal = null;
    metrics.rootChangeRefused.set(0);
    if (this.#current !== null && sameMaterial(this.#current, authority)) return;
    const first = this.#current === null;
    this.#current = authority;
    metrics.rootExpiry.set(authority.rootNotAfter.getTime() / 1000);
    metrics.chainExpiry.set(authority.notAfter.getTime() / 1000);
    if (!first) metrics.rootChanges.inc({ result: 'accepted' });
    const fields = { notAfter: authority.notAfter, intermediates: authority.intermediatesPem.length };
    log.info(fields, first ? 'signing certificate loaded' : 'signing certificate or roots changed');
    for (const listener of this.#listeners) listener();
  }

  /** A warning for the operator that changes nothing here. */
  tell(source: KubeObject, message: string): void {
    this.options.event(source, 'Warning', 'PluggedInRefused', message);
  }

  refuse(source: KubeObject, reason: string): void {
    if (this.#refusal === reason) return;
    const { log, metrics, event } = this.options;
    this.#refusal = reason;
    metrics.rootChangeRefused.set(1);
    metrics.rootChanges.inc({ result: 'refused' });
    log.warn({ reason }, 'change of the signing certificate refused; the last good one stays in use');
    event(source, 'Warning', 'RootChangeRefused', `${reason}. The last good signing certificate stays in use`);
  }
}

function sameMaterial({ material: a }: CertificateAuthority, { material: b }: CertificateAuthority): boolean {
  return (
    a.certificateChainPem === b.certificateChainPem && a.privateKeyPem === b.privateKeyPem && a.rootsPem === b.rootsPem
  );
}
