import { required, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { text, uint32, type TextOptions } from '../schema/scalar-fields.js';

const SUBSET: TextOptions = {};

export const destinationFields = {
  host: required(text('Host name of the service; a short name is in the namespace of the resource.')),
  subset: text('Subset of the service, as a DestinationRule names it.', SUBSET),
  port: object('Port of the service.', { number: uint32('Port number.') }),
} as const;

export const destination = object('Where requests go.', destinationFields);
/** `host` may be short; it is then in the namespace of the resource. */
export type Destination = TypeOf<typeof destination>;
