import { map, texts } from '../schema/collection-fields.js';
import { refined, type TypeOf } from '../schema/field.js';
import { HEADER_NAME, HEADER_VALUE } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';
import { isHeaderName } from './http-match.js';

const values = (description: string) =>
  map(description, text('Value.', { format: HEADER_VALUE }), { key: isHeaderName });

const isHost = (name: string): boolean => ['host', ':authority'].includes(name.toLowerCase());

const removed = refined(texts('Removes the header.'), (names, reader) => {
  const items = reader.list();
  return names.filter((name, i) => {
    if (isHost(name)) items[i]!.error('removes the host, which every request needs', 'set another value instead');
    else if (HEADER_NAME.fault(name) !== null) items[i]!.error('is not a header name', HEADER_NAME.cure);
    else return true;
    return false;
  });
});

const operations = (description: string) =>
  object(description, {
    set: values('Replaces the header.'),
    add: values('Appends to the header.'),
    remove: removed,
  });

export const headers = object('Changes of headers.', {
  request: operations('Before the request is forwarded.'),
  response: operations('Before the response is returned.'),
});
export type Headers = TypeOf<typeof headers>;
