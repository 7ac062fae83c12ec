import { Counter, Gauge, type Registry } from 'prom-client';

/** Istio's names, as far as they exist. */
export class WasmMetrics {
  readonly lookups: Counter<'hit'>;
  readonly fetches: Counter<'result'>;
  readonly conversions: Counter<'result'>;

  constructor(registry: Registry, entries: () => number, missing: () => number) {
    const registers = [registry];
    new Gauge({
      name: 'istio_agent_wasm_cache_entries',
      help: 'WebAssembly modules on disk.',
      registers,
      collect() {
        this.set(entries());
      },
    });
    new Gauge({
      name: 'weft_agent_wasm_missing',
      help: 'Extensions whose module cannot be had now.',
      registers,
      collect() {
        this.set(missing());
      },
    });
    this.lookups = new Counter({
      name: 'istio_agent_wasm_cache_lookup_count',
      help: 'Modules looked up in the cache.',
      labelNames: ['hit'],
      registers,
    });
    this.fetches = new Counter({
      name: 'istio_agent_wasm_remote_fetch_count',
      help: 'Fetches of modules.',
      labelNames: ['result'],
      registers,
    });
    this.conversions = new Counter({
      name: 'istio_agent_wasm_config_conversion_count',
      help: 'Configurations of modules that were prepared for Envoy.',
      labelNames: ['result'],
      registers,
    });
  }
}
