/** What one run of a load found. */
export interface LoadResult {
  readonly completed: number;
  readonly errors: number;
  /** The first error's text, to tell one cause from another. */
  readonly firstError: string | null;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
}
