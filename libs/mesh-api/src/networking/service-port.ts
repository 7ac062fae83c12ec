import { uint32 } from '../schema/scalar-fields.js';
import { object } from '../schema/object-field.js';

/** The CRD takes any number; zero and more than 65535 are no ports. */
export const portNumber = (description: string) => {
  const field = uint32(description);
  return {
    ...field,
    read: (reader: Parameters<typeof field.read>[0]) => reader.integer(1, 65_535),
  };
};

export const portSelector = object('Port of the service.', { number: portNumber('Port number.') });
