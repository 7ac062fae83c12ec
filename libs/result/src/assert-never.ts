/** The compiler's proof that a union was handled whole; throws TypeError when a value from outside breaks the promise. */
export function assertNever(value: never): never {
  throw new TypeError(`unreachable: ${JSON.stringify(value)}`);
}
