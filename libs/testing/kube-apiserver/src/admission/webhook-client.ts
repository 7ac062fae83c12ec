import { request as httpsRequest } from 'node:https';
import { asList, asObject, asString, type JsonObject } from '@weft/testing-kube-schema';
import { labelsOf, specOf } from '../kube-object.js';
import type { Store } from '../storage/store.js';

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

interface Target {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly serverName: string;
  /** For messages. */
  readonly url: string;
}

/** A ready address behind a Service, from its EndpointSlices or else its Endpoints. Throws when there is none. */
function resolveService(store: Store, service: JsonObject): Target {
  const namespace = asString(service['namespace']);
  const name = asString(service['name']);
  const number = typeof service['port'] === 'number' ? service['port'] : 443;
  const path = asString(service['path']) || '/';
  const serverName = `${name}.${namespace}.svc`;
  const url = `https://${serverName}:${number}${path}`;
  const live = store.bucket('services').get(namespace, name);
  if (live === undefined) throw new Error(`Post "${url}": service "${name}" not found`);
  const port = asList(specOf(live.object)['ports'])
    .map(asObject)
    .find((each) => each['port'] === number);
  if (port === undefined) throw new Error(`Post "${url}": no service port ${number} found for service "${name}"`);
  const address = addressOf(store, namespace, name, asString(port['name']));
  if (address === undefined) throw new Error(`Post "${url}": no endpoints available for service "${name}"`);
  return { ...address, path, serverName, url };
}

function portNamed(ports: unknown, name: string): number | undefined {
  const port = asList(ports)
    .map(asObject)
    .find((each) => asString(each['name']) === name)?.['port'];
  return typeof port === 'number' ? port : undefined;
}

function addressOf(
  store: Store,
  namespace: string,
  service: string,
  portName: string,
): { host: string; port: number } | undefined {
  for (const { object } of store.bucket('endpointslices.discovery.k8s.io').list(namespace)) {
    if (labelsOf(object)['kubernetes.io/service-name'] !== service) continue;
    const port = portNamed(object['ports'], portName);
    const ready = asList(object['endpoints'])
      .map(asObject)
      .find((endpoint) => asObject(endpoint['conditions'])['ready'] !== false);
    const host = asList(ready?.['addresses'])[0];
    if (port !== undefined && typeof host === 'string') return { host, port };
  }
  for (const subset of asList(store.bucket('endpoints').get(namespace, service)?.object['subsets']).map(asObject)) {
    const port = portNamed(subset['ports'], portName);
    const host = asObject(asList(subset['addresses'])[0])['ip'];
    if (port !== undefined && typeof host === 'string') return { host, port };
  }
  return undefined;
}

function resolveUrl(text: string): Target {
  const url = new URL(text);
  if (url.protocol !== 'https:') throw new Error(`webhook URL ${text} must be https`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: url.port === '' ? 443 : Number(url.port),
    path: `${url.pathname}${url.search}`,
    serverName: host,
    url: text,
  };
}

/** Posts a review to a webhook and gives back the answer's JSON. Throws Error with the reason for whatever goes wrong. */
export async function callWebhook(
  store: Store,
  clientConfig: JsonObject,
  review: JsonObject,
  timeoutSeconds: number,
): Promise<JsonObject> {
  const { url, service, caBundle } = clientConfig;
  const target = typeof url === 'string' ? resolveUrl(url) : resolveService(store, asObject(service));
  const ca =
    typeof caBundle === 'string' && caBundle !== '' ? Buffer.from(caBundle, 'base64').toString('utf8') : undefined;
  try {
    return asObject(JSON.parse(await post(target, ca, JSON.stringify(review), timeoutSeconds)) as unknown);
  } catch (cause) {
    throw new Error(
      `Post "${target.url}?timeout=${timeoutSeconds}s": ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function post(target: Target, ca: string | undefined, body: string, timeoutSeconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const { host, port, path, serverName } = target;
    const separator = path.includes('?') ? '&' : '?';
    const request = httpsRequest(
      {
        host,
        port,
        path: `${path}${separator}timeout=${timeoutSeconds}s`,
        method: 'POST',
        servername: /^[\d.]+$|:/.test(serverName) ? '' : serverName,
        ...(ca === undefined ? {} : { ca }),
        agent: false,
        signal: AbortSignal.timeout(timeoutSeconds * 1000),
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          host: serverName,
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          length += chunk.length;
          if (length > MAX_ANSWER_BYTES) request.destroy(new Error('the answer is too large'));
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
          else reject(new Error(`the server answered with status ${response.statusCode ?? 0}`));
        });
      },
    );
    request.on('error', (error) =>
      reject(
        error.name === 'TimeoutError' || error.name === 'AbortError' ? new Error('context deadline exceeded') : error,
      ),
    );
    request.end(body);
  });
}
