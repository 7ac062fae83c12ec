interface PodParts {
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** More fields of the pod's spec. */
  readonly spec?: object;
  /** More fields of its container. */
  readonly container?: object;
}

interface PodObject {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly spec: object;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
}

/** A pod with one container that runs `command`. It has one second to stop. */
export function pod(name: string, command: readonly string[], parts: PodParts = {}): PodObject {
  const { node, labels = {}, spec = {}, container = {} } = parts;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: {
      ...(node === undefined ? {} : { nodeName: node }),
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: 'none', command, ...container }],
      ...spec,
    },
  };
}

/** A command that waits for SIGTERM. */
export const IDLE: readonly string[] = ['sleep', '100000'];

/** An HTTP server on port 80 that answers with its host name and the address of its client. */
export const WHO_ARE_YOU: readonly string[] = [
  process.execPath,
  '-e',
  `require('node:http')
    .createServer((request, response) => response.end(require('node:os').hostname() + ' ' + request.socket.remoteAddress))
    .listen(80, '0.0.0.0')`,
];
