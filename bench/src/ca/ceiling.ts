import { fork, type ChildProcess } from 'node:child_process';
import { MeshError } from '@weft/result';

/** `crypto`: one signature and one verification by node:crypto. `issue`: a request checked and an SVID made by `libs/spiffe`. */
export interface CeilingOrder {
  readonly work: 'crypto' | 'issue';
  readonly count: number;
}

export interface CeilingAnswer {
  readonly cpuSeconds?: number;
  /** Of the empty gRPC service; only in the first message. */
  readonly port?: number;
  readonly rootsPem?: string;
}

/** `BENCH_CEILING_FAILED`: the process beside the CA ended or did not answer. */
class CeilingError extends MeshError {
  readonly code = 'BENCH_CEILING_FAILED';
}

const ANSWER_MS = 60_000;

/** The process in which the parts of a CA's work are measured alone (`ceiling.entry.ts`). */
export class Ceiling {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
    readonly rootsPem: string,
  ) {}

  static async start(entry: string): Promise<Ceiling> {
    const child = fork(entry, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const { port = 0, rootsPem = '' } = await answer(child);
    return new Ceiling(child, port, rootsPem);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** CPU seconds for the whole order. */
  async measure(order: CeilingOrder): Promise<number> {
    const waiting = answer(this.child);
    this.child.send(order);
    return (await waiting).cpuSeconds ?? 0;
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }
}

function answer(child: ChildProcess): Promise<CeilingAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new CeilingError(`the process beside the CA ${why}`));
    const timer = setTimeout(() => fail(`did not answer within ${ANSWER_MS} ms`), ANSWER_MS);
    const ended = (): void => fail('ended');
    child.once('exit', ended);
    child.once('message', (message) => {
      clearTimeout(timer);
      child.off('exit', ended);
      resolve(message as CeilingAnswer);
    });
  });
}
