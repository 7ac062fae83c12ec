import type { Crl } from '@weft/spiffe';
import { Counter, Gauge, type Registry } from 'prom-client';

/** What an operator must know of the CRLs in force. */
export class RevocationMetrics {
  readonly #refused: Gauge;
  readonly #failures: Counter;
  readonly #lists: Gauge;
  readonly #nextUpdate: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#refused = new Gauge({
      name: 'weft_crl_refused',
      help: '1 while the CRL file as it is cannot be used and the last good one is in force',
      registers,
    });
    this.#failures = new Counter({ name: 'weft_crl_load_failures_total', help: 'CRL files refused', registers });
    this.#lists = new Gauge({ name: 'weft_crl_lists', help: 'CRLs in force', registers });
    this.#nextUpdate = new Gauge({
      name: 'weft_crl_next_update_timestamp_seconds',
      help: 'When the first of the CRLs in force should have been replaced; it is used after that, too',
      registers,
    });
  }

  loaded(crls: readonly Crl[]): void {
    this.#refused.set(0);
    this.#lists.set(crls.length);
    const dates = crls.flatMap(({ nextUpdate }) => (nextUpdate === null ? [] : [nextUpdate.getTime()]));
    this.#nextUpdate.set(dates.length === 0 ? 0 : Math.min(...dates) / 1000);
  }

  refused(): void {
    this.#refused.set(1);
    this.#failures.inc();
  }
}
