import type { Duplex, Readable, Writable } from 'node:stream';

export interface PodRef {
  readonly namespace: string;
  readonly pod: string;
}

export interface ContainerRef extends PodRef {
  readonly container: string;
}

export interface LogOptions {
  readonly follow: boolean;
  /** Of the container's last run, not the one now. */
  readonly previous: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
  readonly timestamps: boolean;
  readonly limitBytes?: number;
}

export interface ExecOptions {
  readonly command: string[];
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** One running command. With a tty all output comes on `stdout`. Output waits for its reader, also when the command has ended. */
export interface ExecSession {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The exit code, when the command has ended. */
  readonly exit: Promise<number>;
  resize(columns: number, rows: number): void;
  kill(): void;
}

/**
 * What the API server asks of the nodes. Implementations throw an Error with a plain message when the container does not run;
 * the client sees it as a Status.
 */
export interface KubeletConnector {
  logs(ref: ContainerRef, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  exec(ref: ContainerRef, options: ExecOptions, signal: AbortSignal): Promise<ExecSession>;
  /** The container's own process; absent: attach is refused. */
  attach?(ref: ContainerRef, options: Omit<ExecOptions, 'command'>, signal: AbortSignal): Promise<ExecSession>;
  /** A connection to a port of the pod's own loopback; the caller destroys it. Absent: port-forward is refused. */
  portForward?(ref: PodRef, port: number, signal: AbortSignal): Promise<Duplex>;
}
