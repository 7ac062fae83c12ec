/**
 * Root of every error thrown on purpose. `code` is API: metrics, retries and tests key on it, never on `message`.
 * Codes are upper snake case, prefixed with the area (`HBONE_`, `XDS_`, `CA_`, ...), and never reused.
 */
export abstract class MeshError extends Error {
  abstract readonly code: string;

  override get name(): string {
    return this.constructor.name;
  }
}

/** Makes an Error of whatever was thrown; use it once, where an `unknown` enters our code. */
export function toError(thrown: unknown): Error {
  // Not `instanceof`: an error may come from another realm, where Error is another function.
  if (Error.isError(thrown)) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : JSON.stringify(thrown));
}
