import { MeshError } from '@weft/result';

/** The Status object that the API server answers with when it refuses a request. */
export interface KubeStatus {
  readonly kind?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { message?: string; reason?: string; field?: string }[];
  };
}

/** The API server answered, and its answer is no. */
export class KubeApiError extends MeshError {
  readonly code = 'KUBE_API_ERROR';
  /** HTTP status. */
  readonly status: number;
  /** Kubernetes' own word: `NotFound`, `Conflict`, `AlreadyExists`, `Expired`, `Forbidden`, `Invalid`, ... */
  readonly reason: string;
  readonly details: KubeStatus['details'];

  constructor(request: string, httpStatus: number, body: unknown) {
    const status: KubeStatus = typeof body === 'object' && body !== null ? body : {};
    const text = status.message ?? (typeof body === 'string' && body !== '' ? body.slice(0, 500) : 'no message');
    super(`${request}: ${httpStatus} ${status.reason ?? ''}: ${text}`);
    this.status = status.code !== undefined && status.code >= 100 ? status.code : httpStatus;
    this.reason = status.reason ?? 'Unknown';
    this.details = status.details;
  }

  get notFound(): boolean {
    return this.status === 404;
  }

  /** The object changed since it was read (not: it exists already). */
  get conflict(): boolean {
    return this.status === 409 && this.reason !== 'AlreadyExists';
  }

  get alreadyExists(): boolean {
    return this.status === 409 && this.reason === 'AlreadyExists';
  }

  /** The resource version is no longer known to the server; list again. */
  get expired(): boolean {
    return this.status === 410 || this.reason === 'Expired' || this.reason === 'Gone';
  }
}

/** The API server could not be reached, or the connection broke before a whole answer came. */
export class KubeConnectionError extends MeshError {
  readonly code = 'KUBE_CONNECTION';
}

/** The kubeconfig or the in-cluster environment cannot be used; the message names what to fix. */
export class KubeConfigError extends MeshError {
  readonly code = 'KUBE_BAD_CONFIG';
}

export const isNotFound = (failure: unknown): boolean => failure instanceof KubeApiError && failure.notFound;
export const isConflict = (failure: unknown): boolean => failure instanceof KubeApiError && failure.conflict;
export const isAlreadyExists = (failure: unknown): boolean => failure instanceof KubeApiError && failure.alreadyExists;
