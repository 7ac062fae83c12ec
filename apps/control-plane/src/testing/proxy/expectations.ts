import type { Echo } from './echo-pod.js';
import type { HttpAnswer, HttpQuestion } from './http-client.js';

/** `/path`, or more. */
export type Question = string | HttpQuestion;

/** What is looked at of an answer: only what is asked for. */
export interface Expectation {
  readonly status?: number;
  readonly server?: string;
  /** Path that the server saw. */
  readonly path?: string;
  readonly host?: string;
  /** Of the handshake of the proxy with the server. */
  readonly tls?: Echo['tls'];
  /** Headers that the server saw; null: it did not. */
  readonly seen?: Readonly<Record<string, string | null>>;
  /** Headers of the answer; null: there is none. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

/** A question with what is expected of its answer; a server's name alone, or a status alone. */
export type Case = readonly [Question, Expectation | string | number];

interface Settling {
  settles(look: () => Promise<unknown>, expected: unknown): Promise<void>;
}

/** Each question until its answer is as expected; the first may take as long as the configuration. */
export async function expectAnswers(
  rig: Settling,
  ask: (question: HttpQuestion) => Promise<HttpAnswer>,
  cases: readonly Case[],
): Promise<void> {
  for (const [question, expected] of cases) {
    const asked = typeof question === 'string' ? { path: question } : question;
    const wanted = expectationOf(expected);
    await rig.settles(async () => pick(await ask(asked), wanted), wanted);
  }
}

/** Servers of so many answers, by name. */
export async function sharesOf(
  ask: () => Promise<HttpAnswer>,
  count: number,
): Promise<Readonly<Record<string, number>>> {
  const seen: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { server } = await ask();
    seen[server] = (seen[server] ?? 0) + 1;
  }
  return seen;
}

function expectationOf(expected: Expectation | string | number): Expectation {
  if (typeof expected === 'string') return { status: 200, server: expected };
  return typeof expected === 'number' ? { status: expected } : expected;
}

/** The same fields of an answer. */
function pick({ status, server, headers, echo }: HttpAnswer, wanted: Expectation): Expectation {
  const all = { status, server, path: echo.path, host: echo.host, tls: echo.tls };
  const of = (names: Readonly<Record<string, unknown>> | undefined, from: Readonly<Record<string, unknown>> = {}) =>
    Object.fromEntries(Object.keys(names ?? {}).map((name) => [name, from[name.toLowerCase()] ?? null]));
  return Object.fromEntries<unknown>(
    Object.keys(wanted).map((key) => {
      if (key === 'seen') return [key, of(wanted.seen, echo.headers)];
      if (key === 'headers') return [key, of(wanted.headers, headers)];
      return [key, all[key as keyof typeof all]];
    }),
  );
}
