/**
 * The JSON form of a generated client-node model: dates are strings as the API server sends them, and fields that the
 * generator renamed (`_from`, `_continue`) have their own names back. We read and write JSON as it is, so that nothing the
 * model does not know is lost in a read-modify-write.
 */
export type Wire<T> = 0 extends 1 & T
  ? unknown
  : T extends Date
    ? string
    : T extends readonly (infer Item)[]
      ? Wire<Item>[]
      : T extends object
        ? { [Key in keyof T as Key extends `_${infer Name}` ? Name : Key]: Wire<T[Key]> }
        : T;
