// Asks servers for their names over new connections at a fixed rate, and counts every answer. Started in a pod.
import { connect } from 'node:net';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    /** `host:port=expected name prefix`, several times. */
    target: { type: 'string', multiple: true, default: [] },
    rate: { type: 'string', default: '200' },
    /** A request without an answer after this is a failure. */
    'timeout-ms': { type: 'string', default: '30000' },
    /** Stops by itself then; else at SIGTERM or when standard input ends. */
    seconds: { type: 'string', default: '3600' },
  },
});

interface Target {
  readonly host: string;
  readonly port: number;
  readonly expected: string;
}

const targets: readonly Target[] = values.target.map((text) => {
  const [, host = '', port = '0', expected = ''] = /^(.*):(\d+)=(.*)$/.exec(text) ?? [];
  return { host, port: Number(port), expected };
});
const counts = { asked: 0, answered: 0, wrong: 0, failed: 0, slowestMs: 0 };
interface Outage {
  readonly target: string;
  /** When the first failed request was made, and the first one after it that was answered. */
  readonly fromMs: number;
  toMs: number;
  failed: number;
}
const outages: Outage[] = [];
const lasting = new Map<Target, Outage>();

/** Requests are told in the order in which they end; an outage lasts until one is answered that was made after it began. */
function follow(target: Target, madeMs: number, good: boolean): void {
  const outage = lasting.get(target);
  if (good) {
    if (outage === undefined || madeMs <= outage.fromMs) return;
    outage.toMs = madeMs;
    lasting.delete(target);
  } else if (outage === undefined) {
    const begun = { target: `${target.host}:${target.port}`, fromMs: madeMs, toMs: -1, failed: 1 };
    lasting.set(target, begun);
    outages.push(begun);
  } else outage.failed++;
}
const failures: string[] = [];
const timeoutMs = Number(values['timeout-ms']);
const tickMs = 5;
const MAX_PENDING = 100;
const perTick = (Number(values.rate) * tickMs) / 1000;
let pending = 0;
let owed = 0;
let ending = false;

function ask(target: Target): void {
  const { host, port, expected } = target;
  const madeMs = Date.now();
  const startMs = performance.now();
  const askedAt = new Date().toISOString();
  counts.asked++;
  pending++;
  let text = '';
  let source = '';
  let over = false;
  const socket = connect({ host, port, noDelay: true });
  const settle = (problem: string | null): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    socket.destroy();
    pending--;
    const tookMs = performance.now() - startMs;
    counts.slowestMs = Math.max(counts.slowestMs, Math.round(tookMs));
    follow(target, madeMs, problem === null);
    if (problem === null && text.startsWith(expected)) counts.answered++;
    else {
      if (problem === null) counts.wrong++;
      else counts.failed++;
      const what = problem ?? `answered by ${JSON.stringify(text)}`;
      if (failures.length < 200)
        failures.push(`${askedAt} ${source} -> ${host}:${port}: ${what} after ${Math.round(tookMs)} ms`);
    }
    report();
  };
  const timer = setTimeout(() => settle('no answer'), timeoutMs);
  socket.on('connect', () => {
    source = `${socket.localAddress ?? ''}:${socket.localPort ?? 0}`;
    socket.write('who\n');
  });
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', (error) => settle(error.message));
  socket.on('end', () => settle(text.endsWith('\n') ? null : `ended after ${JSON.stringify(text)}`));
}

function report(): void {
  if (!ending || pending > 0) return;
  process.stdout.write(`${JSON.stringify({ ...counts, failures, outages })}\n`, () => process.exit(0));
}

function end(): void {
  if (ending) return;
  ending = true;
  clearInterval(ticker);
  report();
}

let lastMs = performance.now();
let turn = 0;
const ticker = setInterval(() => {
  const nowMs = performance.now();
  // At most a second's worth at once, so that a machine that stood still is not flooded afterwards.
  owed = Math.min(owed + perTick * ((nowMs - lastMs) / tickMs), Number(values.rate));
  lastMs = nowMs;
  for (; owed >= 1; owed--) {
    const target = targets[turn++ % targets.length];
    // A machine that cannot keep up makes fewer requests, instead of a queue that grows until everything times out.
    if (target !== undefined && pending < MAX_PENDING) ask(target);
  }
}, tickMs);
process.on('SIGTERM', end);
process.stdin.on('end', end).resume();
setTimeout(end, Number(values.seconds) * 1000);
process.stdout.write('asking\n');
