/** One condition of a status, before it has a time. */
export interface Verdict {
  readonly status: 'True' | 'False';
  /** One word, as the Gateway API has it. */
  readonly reason: string;
  /** Names the field and the cure. */
  readonly message: string;
}

export const holds = (reason: string, message: string): Verdict => ({ status: 'True', reason, message });
export const fails = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });
