import { MeshError } from '@weft/result';
import { formatCauses, type Cause, type JsonObject } from '@weft/testing-kube-schema';

export interface GroupResource {
  readonly group: string;
  readonly plural: string;
}

/** Any entry of `details.causes`; the reasons of validation are those of `Cause`. */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** A refusal in the one form that every Kubernetes client reads: `kind: Status` with a reason and an HTTP code. */
export class StatusError extends MeshError {
  readonly code = 'APISERVER_STATUS';

  constructor(
    readonly httpStatus: number,
    readonly reason: string,
    message: string,
    readonly details: StatusDetails = {},
  ) {
    super(message);
  }

  toStatus(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(Object.keys(this.details).length === 0 ? {} : { details: this.details }),
      code: this.httpStatus,
    };
  }
}

const qualified = ({ group, plural }: GroupResource): string => (group === '' ? plural : `${plural}.${group}`);
const about = ({ group, plural }: GroupResource, name: string): StatusDetails => ({
  ...(name === '' ? {} : { name }),
  ...(group === '' ? {} : { group }),
  kind: plural,
});

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message);

export const unauthorized = (message = 'Unauthorized'): StatusError => new StatusError(401, 'Unauthorized', message);

export const forbidden = (type: GroupResource, name: string, detail: string): StatusError =>
  new StatusError(
    403,
    'Forbidden',
    `${qualified(type)} ${JSON.stringify(name)} is forbidden: ${detail}`,
    about(type, name),
  );

export const notFound = (type: GroupResource, name: string): StatusError =>
  new StatusError(404, 'NotFound', `${qualified(type)} ${JSON.stringify(name)} not found`, about(type, name));

export const noSuchPath = (): StatusError =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource');

export const alreadyExists = (type: GroupResource, name: string): StatusError =>
  new StatusError(409, 'AlreadyExists', `${qualified(type)} ${JSON.stringify(name)} already exists`, about(type, name));

export const conflict = (type: GroupResource, name: string, detail?: string): StatusError =>
  new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(type)} ${JSON.stringify(name)}: ${
      detail ?? 'the object has been modified; please apply your changes to the latest version and try again'
    }`,
    about(type, name),
  );

/** 422 with one cause per wrong field. */
export function invalid(
  type: { readonly group: string; readonly kind: string },
  name: string,
  causes: readonly Cause[],
): StatusError {
  const kind = type.group === '' ? type.kind : `${type.kind}.${type.group}`;
  return new StatusError(422, 'Invalid', `${kind} ${JSON.stringify(name)} is invalid: ${formatCauses(causes)}`, {
    name,
    ...(type.group === '' ? {} : { group: type.group }),
    kind: type.kind,
    causes,
  });
}

export const expired = (message: string): StatusError => new StatusError(410, 'Expired', message);

export const tooOldResourceVersion = (asked: number, oldest: number): StatusError =>
  expired(`too old resource version: ${asked} (${oldest})`);

export const tooLargeResourceVersion = (asked: number, current: number): StatusError =>
  new StatusError(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });

export const methodNotAllowed = (type: GroupResource, verb: string): StatusError =>
  new StatusError(
    405,
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind ${JSON.stringify(qualified(type))}`,
    about(type, ''),
  );

export const notAcceptable = (accepted: readonly string[]): StatusError =>
  new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);

export const unsupportedMediaType = (accepted: readonly string[]): StatusError =>
  new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );

export const tooLarge = (limitBytes: number): StatusError =>
  new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);

export const internalError = (message: string): StatusError =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });

export const notImplemented = (message: string): StatusError => new StatusError(501, 'NotImplemented', message);
