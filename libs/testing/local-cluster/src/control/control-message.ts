/** The first line that a client sends. One connection is one request. */
export type ControlRequest =
  | { readonly op: 'status' }
  /** Steps so far and from now on, until the cluster is ready or failed. */
  | { readonly op: 'progress' }
  | { readonly op: 'stop' }
  | {
      readonly op: 'exec';
      readonly node: string;
      readonly argv: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
    };

/** Later lines of an exec's client. */
export type ControlInput = { readonly in: string } | { readonly end: true } | { readonly signal: string };

export interface ClusterStatus {
  readonly name: string;
  readonly phase: 'starting' | 'ready' | 'failed';
  readonly nodes: readonly { readonly name: string; readonly address: string; readonly podCidr: string }[];
  readonly kubeconfigPath: string;
}

export type ControlReply =
  | { readonly step: string }
  | { readonly ready: true }
  | { readonly status: ClusterStatus }
  /** Base64 of what a program wrote. */
  | { readonly out: string }
  | { readonly err: string }
  | { readonly exit: number }
  | { readonly error: string };

export const encode = (message: ControlRequest | ControlInput | ControlReply): string => `${JSON.stringify(message)}\n`;
export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
export const fromBase64 = (text: string): Buffer => Buffer.from(text, 'base64');

/** Longest line that is read; a peer that sends more is cut off. */
const MAX_LINE_CHARS = 16 * 1024 * 1024;

/** Splits a byte stream into JSON lines. Lines that are not JSON objects are given as null. */
export class JsonLines {
  #rest = '';

  push(chunk: Buffer): readonly (Record<string, unknown> | null)[] {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    const results = lines.map(parseLine);
    if (this.#rest.length <= MAX_LINE_CHARS) return results;
    this.#rest = '';
    return [...results, null];
  }
}

function parseLine(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(line, 'latin1').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
