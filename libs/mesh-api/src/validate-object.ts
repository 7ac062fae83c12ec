import { ANNOTATION_DRY_RUN } from './annotations.js';
import { AUTHORIZATION_POLICIES, MESH_KINDS } from './mesh-kinds.js';
import { FieldReader, UNKNOWN_FIELD } from './field-reader.js';
import type { FieldProblem } from './field-problem.js';
import type { MeshKind } from './mesh-kind.js';
import { objectMetaOf } from './object-meta.js';
import { ProblemList } from './problem-list.js';

const TOP_LEVEL = ['apiVersion', 'kind', 'metadata', 'spec', 'status'] as const;
/** Annotations that only the mesh itself may set. */
const RESERVED = ['internal.istio.io/parents', 'internal.istio.io/parent-namespace'];

export interface ObjectValidation {
  readonly errors: readonly FieldProblem[];
  readonly warnings: readonly FieldProblem[];
}

/** The kind that an object says it is, whatever version; undefined if it is none of ours. */
export function kindOfObject(object: unknown): MeshKind<unknown> | undefined {
  const { apiVersion, kind } = (object ?? {}) as { apiVersion?: unknown; kind?: unknown };
  const group = typeof apiVersion === 'string' ? apiVersion.split('/')[0] : '';
  return MESH_KINDS.find((one) => one.kind === kind && one.group === group);
}

/** All that is wrong with an object as somebody writes it: stricter than reading, unknown fields are errors. */
export function validateObject(object: unknown, kind: MeshKind<unknown>): ObjectValidation {
  const problems = new ProblemList();
  const root = new FieldReader(object, '', problems).object(TOP_LEVEL);
  if (root !== null) checkAnnotations(object, kind, root.metadata.field('annotations'));
  const all = [...problems.all, ...kind.parse(withName(object)).problems].map((problem) =>
    problem.problem === UNKNOWN_FIELD ? { ...problem, severity: 'error' as const } : problem,
  );
  return {
    errors: all.filter(({ severity }) => severity === 'error').map(withoutDot),
    warnings: all.filter(({ severity }) => severity === 'warning').map(withoutDot),
  };
}

const withoutDot = (problem: FieldProblem): FieldProblem => ({ ...problem, field: problem.field.replace(/^\./, '') });

/** An object with `generateName` has no name yet. */
function withName(object: unknown): unknown {
  const { metadata, ...rest } = (object ?? {}) as { metadata?: { name?: unknown; generateName?: unknown } };
  return metadata?.name === undefined && typeof metadata?.generateName === 'string'
    ? { ...rest, metadata: { ...metadata, name: metadata.generateName } }
    : object;
}

function checkAnnotations(object: unknown, kind: MeshKind<unknown>, at: FieldReader): void {
  const { annotations } = objectMetaOf(object);
  const entries = new Map(at.entries());
  for (const key of RESERVED)
    if (annotations[key] !== undefined) entries.get(key)?.error('is reserved', 'remove it: the mesh sets it itself');
  const dryRun = annotations[ANNOTATION_DRY_RUN];
  if (dryRun === undefined) return;
  const reader = entries.get(ANNOTATION_DRY_RUN);
  const action = new FieldReader(object, '', new ProblemList()).field('spec').field('action').text() ?? 'ALLOW';
  if (kind !== (AUTHORIZATION_POLICIES as MeshKind<unknown>))
    reader?.error(`has no effect on ${kind.kind}`, 'remove it: only an AuthorizationPolicy can be tried out');
  else if (action !== 'ALLOW' && action !== 'DENY')
    reader?.error(`has no effect with action ${action}`, 'remove it: only ALLOW and DENY can be tried out');
  else if (!/^(true|false|1|0|t|f)$/i.test(dryRun))
    reader?.error(`${JSON.stringify(dryRun)} is not a boolean`, 'write "true" or "false"');
}
