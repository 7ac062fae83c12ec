import { required, type TypeOf } from '../schema/field.js';
import { DNS_LABEL, SERVICE_HOST, type Format } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';
import { portSelector } from './service-port.js';

/** The CRD takes any text. */
export const SUBSET_NAME: Format = { cure: DNS_LABEL.cure, fault: (name) => DNS_LABEL.fault(name) };

export const destination = object(
  'Where requests go.',
  {
    host: required(
      text('Host name of the service; a short name is in the namespace of the resource.', { format: SERVICE_HOST }),
    ),
    subset: text('Subset of the service, as a DestinationRule names it.', { format: SUBSET_NAME }),
    port: portSelector,
  },
  // A destination with a part that cannot be read would be another destination.
  { whole: true },
);
/** `host` may be short; it is then in the namespace of the resource. */
export type Destination = TypeOf<typeof destination>;
