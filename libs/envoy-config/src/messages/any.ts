import type { Any } from '@weft/xds/gen/google/protobuf/any.js';

/** A generated message type, as far as packing needs it. */
interface Packable<P, T> {
  readonly $type: string;
  fromPartial(partial: P): T;
  encode(message: T): { finish(): Uint8Array };
}

export type PackedAny = Pick<Any, 'typeUrl' | 'value'>;

/** Packs a message as Envoy's `typed_config` fields want it. */
export function packAny<P, T>(type: Packable<P, T>, partial: NoInfer<P>): PackedAny {
  return {
    typeUrl: `type.googleapis.com/${type.$type}`,
    value: Buffer.from(type.encode(type.fromPartial(partial)).finish()),
  };
}
