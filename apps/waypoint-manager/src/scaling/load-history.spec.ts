import { LoadHistory, type ProxyReading } from './load-history.js';
import { readScaling, type ScalingSettings } from './scaling-settings.js';

const SECOND = 1000;
const settings = (text: string): ScalingSettings => readScaling([], text).settings;
const BY_REQUESTS = settings('{ maxReplicas: 10, requestsPerSecond: 100, connections: 1000, cpu: 1, quietTime: 60s }');

/** Proxies that share a load evenly, looked at every two seconds. */
class Run {
  readonly history = new LoadHistory(0);
  #nowMs = 0;
  #requests = 0;
  #cpu = 0;
  replicas = 1;
  readonly seen: number[] = [];

  constructor(private readonly of: ScalingSettings) {}

  look(
    load: { readonly rps?: number; readonly connections?: number; readonly cpu?: number; readonly silent?: number },
    seconds = 2,
  ): void {
    for (let passed = 0; passed < seconds; passed += 2) {
      this.#nowMs += 2 * SECOND;
      this.#requests += ((load.rps ?? 0) * 2) / this.replicas;
      this.#cpu += ((load.cpu ?? 0) * 2) / this.replicas;
      const readings = new Map<string, ProxyReading | null>();
      for (let i = 0; i < this.replicas; i++) {
        const connections = (load.connections ?? 0) / this.replicas;
        const reading = { requests: this.#requests, connections, cpuSeconds: this.#cpu };
        readings.set(`pod-${i}`, i < (load.silent ?? 0) ? null : reading);
      }
      const sample = this.history.look(readings, this.#nowMs);
      this.replicas = this.history.decide(sample, this.replicas, { settings: this.of, nowMs: this.#nowMs });
      this.seen.push(this.replicas);
    }
  }
}

describe('the number of proxies', () => {
  it.each([
    ['requests', { rps: 950 }],
    ['connections', { connections: 9500 }],
    ['CPU', { cpu: 9.5 }],
  ])('follows a tenfold step of %s within 15 s', (_, load) => {
    const run = new Run(BY_REQUESTS);
    run.look({ rps: 95, connections: 100, cpu: 0.1 }, 20);
    expect(run.replicas).toBe(1);
    run.look(load, 15);
    expect(run.replicas).toBe(10);
  });

  it('stays within its bounds', () => {
    const run = new Run(settings('{ minReplicas: 2, maxReplicas: 4, requestsPerSecond: 1, quietTime: 10s }'));
    run.look({ rps: 1000 }, 10);
    expect(run.replicas).toBe(4);
    run.look({}, 60);
    expect(run.replicas).toBe(2);
  });

  it('shrinks only after the quiet time', () => {
    const run = new Run(BY_REQUESTS);
    run.look({ rps: 500 }, 20);
    expect(run.replicas).toBe(5);
    run.look({ rps: 50 }, 54);
    expect(run.replicas).toBe(5);
    run.look({ rps: 50 }, 10);
    expect(run.replicas).toBe(1);
  });

  it('shrinks whatever the time between looks is', () => {
    const run = new Run(settings('{ maxReplicas: 10, requestsPerSecond: 100, quietTime: 7s }'));
    run.look({ rps: 500 }, 20);
    run.look({ rps: 50 }, 12);
    expect(run.replicas).toBe(1);
  });

  it('does not flap under a load that comes and goes', () => {
    const run = new Run(BY_REQUESTS);
    for (let turn = 0; turn < 20; turn++) {
      run.look({ rps: 500 }, 10);
      run.look({ rps: 10 }, 10);
    }
    expect(new Set(run.seen.slice(20))).toEqual(new Set([5]));
  });

  it('does not follow what is within a tenth of the target', () => {
    const run = new Run(BY_REQUESTS);
    run.look({ rps: 500 }, 10);
    run.look({ rps: 545 }, 10);
    expect(run.replicas).toBe(5);
  });

  it('a proxy that does not answer is not taken away for that', () => {
    const run = new Run(BY_REQUESTS);
    run.look({ rps: 500 }, 10);
    run.look({ rps: 500, silent: 3 }, 120);
    expect(run.replicas).toBe(5);
  });

  it('is left alone where nothing is asked for', () => {
    const run = new Run(settings(''));
    run.replicas = 3;
    run.look({ rps: 100_000 }, 10);
    expect(run.replicas).toBe(3);
  });
});

describe('to zero', () => {
  const TO_ZERO = settings('{ toZero: true, idleTimeout: 30s }');

  it('goes what had no request and no connection for the idle time', () => {
    const run = new Run(TO_ZERO);
    run.look({ rps: 1 }, 10);
    run.look({}, 28);
    expect(run.replicas).toBe(1);
    run.look({}, 6);
    expect(run.replicas).toBe(0);
  });

  it.each([
    ['a connection that says nothing', { connections: 1 }],
    ['a proxy that does not answer', { silent: 1 }],
    ['one request now and then', { rps: 0.1 }],
  ])('is held off by %s', (_, load) => {
    const run = new Run(TO_ZERO);
    run.look(load, 120);
    expect(run.replicas).toBe(1);
  });

  it('is not gone to right after somebody woke it', () => {
    const run = new Run(TO_ZERO);
    run.look({}, 28);
    run.history.woken(28_000);
    run.look({}, 20);
    expect(run.replicas).toBe(1);
  });
});

describe('scaling settings', () => {
  it('is off unless asked for', () => {
    expect(readScaling([], undefined)).toEqual({
      settings: { toZero: false, idleMs: 300_000, byLoad: null },
      problems: [],
    });
  });

  it('the annotation wins over the ConfigMap of the Gateway, field by field, and that over the class', () => {
    const map = (scaling: string) => ({ metadata: { name: 'm', namespace: 'shop' }, data: { scaling } });
    const { settings: read } = readScaling(
      [map('{ toZero: true, idleTimeout: 1m, maxReplicas: 3 }'), map('{ idleTimeout: 2m }')],
      'maxReplicas: 7',
    );
    expect(read).toMatchObject({ toZero: true, idleMs: 120_000, byLoad: { min: 1, max: 7 } });
  });

  it.each([
    ['toZero: maybe', 'scaling toZero: "maybe" cannot be used; want true or false'],
    ['idleTimeout: soon', 'scaling idleTimeout: "soon" cannot be used; want a duration such as 90s or 5m'],
    ['cpu: -1', 'scaling cpu: -1 cannot be used; want CPUs, such as 500m or 1'],
    ['{ minReplicas: 3, maxReplicas: 2 }', 'maxReplicas: 2 is less than minReplicas 3'],
    ['maxReplicas: 1e9', 'scaling maxReplicas: 1000000000 cannot be used; want a whole number from 1 to 1000'],
    ['to-zero: true', 'metadata.annotations[weft.io/scaling]: to-zero is not known; use toZero, idleTimeout,'],
    ['[1]', 'metadata.annotations[weft.io/scaling]: is not a YAML object;'],
    ['{', 'metadata.annotations[weft.io/scaling]: is not YAML:'],
    ['a: &a [*a]', 'metadata.annotations[weft.io/scaling]: '],
  ])('says what is wrong with %s', (text, problem) => {
    expect(readScaling([], text).problems.join('; ')).toContain(problem);
  });

  it('reads CPUs as Kubernetes writes them', () => {
    expect(settings('{ maxReplicas: 2, cpu: 500m }').byLoad?.cpu).toBe(0.5);
  });
});
