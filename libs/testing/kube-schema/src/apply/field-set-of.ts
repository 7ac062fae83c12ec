import { isObject } from '../json.js';
import type { Schema } from '../schema.js';
import { atomOf, elementOf, fieldSchema, isNamedField } from './atom.js';
import { FieldSet } from './field-set.js';
import type { PathElement } from './path-element.js';

/** All paths that a document speaks of: what its applier wants to own. */
export function fieldSetOf(schema: Schema | undefined, value: unknown): FieldSet {
  const paths: (readonly PathElement[])[] = [];
  const visit = (at: Schema | undefined, part: unknown, path: readonly PathElement[]): void => {
    const atom = atomOf(at, part);
    if (atom === 'leaf') {
      paths.push(path);
    } else if (atom === 'map' && isObject(part)) {
      for (const [name, item] of Object.entries(part)) {
        const inner: readonly PathElement[] = [...path, { kind: 'field', name }];
        visit(fieldSchema(at, name), item, inner);
        const empty = item === null || (isObject(item) && Object.keys(item).length === 0);
        if (empty || !isNamedField(at, name)) paths.push(inner);
      }
    } else if (atom === 'list' && Array.isArray(part)) {
      for (const item of part as readonly unknown[]) {
        const element = elementOf(at!, item);
        if (typeof element === 'string') continue;
        visit(at!.items, item, [...path, element]);
        paths.push([...path, element]);
      }
    }
  };
  visit(schema, value, []);
  return FieldSet.of(paths);
}
