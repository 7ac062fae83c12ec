import { ENVOY_FILTERS, formatProblem, kindOfObject, validateObject, type FieldProblem } from '@weft/mesh-api';
import { valueProblems } from '@weft/mesh-model';

/** The part of `AdmissionReview` (admission.k8s.io/v1) that is read. */
export interface AdmissionRequest {
  readonly uid?: unknown;
  readonly operation?: unknown;
  readonly kind?: { readonly group?: unknown; readonly version?: unknown; readonly kind?: unknown };
  readonly resource?: { readonly group?: unknown; readonly version?: unknown; readonly resource?: unknown };
  readonly object?: unknown;
}

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly warnings?: readonly string[];
}

/** An object with this annotation is always refused: the webhook asks itself whether it works. */
export const ANNOTATION_ALWAYS_REJECT = 'internal.istio.io/webhook-always-reject';
export const ALWAYS_REJECTED = 'rejected: the webhook works';
/** kubectl prints all of it. */
const MAX_TOLD = 20;

/** Says whether an object may be written, and why not, field by field. Warnings never refuse. */
export function reviewRequest(request: AdmissionRequest): AdmissionResponse {
  const uid = typeof request.uid === 'string' ? request.uid : '';
  const allow = { uid, allowed: true };
  const refuse = (message: string): AdmissionResponse => ({
    uid,
    allowed: false,
    status: { code: 400, reason: 'BadRequest', message },
  });
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return allow;
  const metadata = (
    request.object as { metadata?: { annotations?: Record<string, unknown>; deletionTimestamp?: unknown } } | undefined
  )?.metadata;
  if (metadata?.annotations?.[ANNOTATION_ALWAYS_REJECT] !== undefined) return refuse(ALWAYS_REJECTED);
  // What is going away may be touched up whatever it says, so that finalizers can be taken off.
  if (metadata?.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null) return allow;
  const kind = kindOfObject(request.object);
  if (kind === undefined)
    return refuse(`${named(request.kind)} is of no kind of the mesh; correct apiVersion and kind`);
  const { errors: ofFields, warnings } = validateObject(request.object, kind);
  const errors = kind.kind === ENVOY_FILTERS.kind ? [...ofFields, ...valueProblems(request.object)] : ofFields;
  const told = { ...(warnings.length > 0 && { warnings: warnings.slice(0, MAX_TOLD).map(formatProblem) }) };
  return errors.length > 0 ? { ...refuse(messageOf(errors)), ...told } : { ...allow, ...told };
}

function messageOf(errors: readonly FieldProblem[]): string {
  const lines = errors.slice(0, MAX_TOLD).map(formatProblem);
  if (errors.length > MAX_TOLD) lines.push(`and ${errors.length - MAX_TOLD} more`);
  return lines.length === 1
    ? `configuration is invalid: ${lines[0]!}`
    : `configuration is invalid, ${errors.length} errors:${lines.map((line) => `\n\t* ${line}`).join('')}`;
}

function named(kind: AdmissionRequest['kind']): string {
  return [kind?.group, kind?.version, kind?.kind].filter((part) => typeof part === 'string' && part !== '').join('/');
}
