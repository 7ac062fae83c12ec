/**
 * Deep equality of plain data: primitives, arrays, byte arrays, Map, Set (of primitives) and plain objects. A property
 * that is `undefined` equals one that is missing. The default equality of collections.
 */
export function structurallyEqual(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (left instanceof Uint8Array) return right instanceof Uint8Array && bytesEqual(left, right);
  if (Array.isArray(left)) return Array.isArray(right) && arraysEqual(left, right);
  if (left instanceof Map) return right instanceof Map && mapsEqual(left, right);
  if (left instanceof Set)
    return right instanceof Set && left.size === right.size && [...left].every((item) => right.has(item));
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  return objectsEqual(left as Record<string, unknown>, right as Record<string, unknown>);
}

function bytesEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

function arraysEqual(left: readonly unknown[], right: readonly unknown[]): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (!structurallyEqual(left[i], right[i])) return false;
  return true;
}

function mapsEqual(left: ReadonlyMap<unknown, unknown>, right: ReadonlyMap<unknown, unknown>): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) if (!right.has(key) || !structurallyEqual(value, right.get(key))) return false;
  return true;
}

function objectsEqual(left: Record<string, unknown>, right: Record<string, unknown>): boolean {
  for (const key of Object.keys(left)) {
    const value = left[key];
    if (
      value === undefined
        ? right[key] !== undefined
        : !Object.hasOwn(right, key) || !structurallyEqual(value, right[key])
    ) {
      return false;
    }
  }
  for (const key of Object.keys(right)) if (right[key] !== undefined && !Object.hasOwn(left, key)) return false;
  return true;
}
