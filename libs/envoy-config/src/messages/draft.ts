/** What a generated message type is built from: every field optional. */
export type Draft<M> = M extends { fromPartial(partial: infer P): unknown } ? P : never;
