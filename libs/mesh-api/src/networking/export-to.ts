import { describe } from '../field-reader.js';
import { texts } from '../schema/collection-fields.js';
import { refined } from '../schema/field.js';
import { DNS_LABEL } from '../schema/format.js';

const SPECIAL = new Set(['.', '*', '~']);

/** Who sees a resource. What cannot be read in it leaves it visible to its own namespace only. */
export const exportTo = refined(
  texts('Namespaces that see it: a name, . for its own, * for all, ~ for none.'),
  (values, reader) => {
    const before = reader.errorCount;
    const items = reader.list();
    values.forEach((value, i) => {
      if (values.indexOf(value) < i) items[i]!.error(`${describe(value)} is there twice`, 'remove one');
      else if (!SPECIAL.has(value) && DNS_LABEL.fault(value) !== null)
        items[i]!.error(`${describe(value)} is not a namespace`, 'write the name of a namespace, . or *');
    });
    for (const alone of ['*', '~'])
      if (values.includes(alone) && values.length > 1)
        reader.error(`has ${alone} beside others`, `write only ${alone}, or only names`);
    return reader.errorCount > before ? ['.'] : values;
  },
);
