import { FieldReader } from './field-reader.js';
import type { FieldProblem } from './field-problem.js';
import { objectMetaOf, type ObjectMeta } from './object-meta.js';
import { ProblemList } from './problem-list.js';

/** `spec` is null when nothing of the resource can be used; `problems` then says why. */
export interface ParsedResource<S> {
  readonly meta: ObjectMeta;
  readonly spec: S | null;
  readonly problems: readonly FieldProblem[];
}

/** Reads metadata and hands `spec` to `read`, which gives null when the resource as a whole is unusable. Never throws. */
export function parseResource<S>(object: unknown, read: (spec: FieldReader) => S | null): ParsedResource<S> {
  const problems = new ProblemList();
  const meta = objectMetaOf(object);
  if (meta.name === '')
    new FieldReader(undefined, 'metadata.name', problems).error('is missing', 'give the resource a name');
  const raw = (object as { spec?: unknown } | null | undefined)?.spec;
  const spec = read(new FieldReader(raw ?? {}, 'spec', problems));
  return { meta, spec: meta.name === '' ? null : spec, problems: problems.all };
}
