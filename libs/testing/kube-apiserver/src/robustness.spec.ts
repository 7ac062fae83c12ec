import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@weft/testing-fixtures';
import fc from 'fast-check';
import type { ApiServer } from './api-server.js';
import { decodeProtobuf } from './request/protobuf-body.js';
import { duplicateKeys } from './request/duplicate-keys.js';
import { negotiate, parseAccept } from './request/negotiation.js';
import { parseResourcePath } from './request/request-path.js';
import { StatusError } from './status-error.js';
import { ApiClient, configMap, metaOf, startServer } from './testing/test-server.js';

const MAPS = '/api/v1/namespaces/default/configmaps';
const json = { 'content-type': 'application/json' };

describe('bad requests', () => {
  let server: ApiServer;
  let api: ApiClient;

  beforeAll(async () => {
    server = await startServer();
    api = new ApiClient(server);
  });
  afterAll(() => server.stop());

  it.each([
    ['malformed JSON', 'POST', MAPS, '{"a":', json, 400, 'BadRequest'],
    ['malformed YAML', 'POST', MAPS, 'a: [', { 'content-type': 'application/yaml' }, 400, 'BadRequest'],
    ['a list instead of an object', 'POST', MAPS, '[]', json, 400, 'BadRequest'],
    ['another kind', 'POST', MAPS, '{"kind":"Pod","apiVersion":"v1"}', json, 400, 'BadRequest'],
    ['another apiVersion', 'POST', MAPS, '{"kind":"ConfigMap","apiVersion":"v2"}', json, 400, 'BadRequest'],
    ['metadata that is no object', 'POST', MAPS, '{"metadata":3}', json, 400, 'BadRequest'],
    ['no name', 'POST', MAPS, '{}', json, 422, 'Invalid'],
    ['an unknown media type', 'POST', MAPS, '<xml/>', { 'content-type': 'text/xml' }, 415, 'UnsupportedMediaType'],
    [
      'protobuf that is none',
      'POST',
      MAPS,
      'k8s\0\xff\xff',
      { 'content-type': 'application/vnd.kubernetes.protobuf' },
      400,
      'BadRequest',
    ],
    ['a path of nothing', 'GET', '/api/v1/nothings', undefined, {}, 404, 'NotFound'],
    ['a group of nothing', 'GET', '/apis/none.example.com/v1', undefined, {}, 404, 'NotFound'],
    ['an unknown subresource', 'GET', `${MAPS}/x/nope`, undefined, {}, 404, 'NotFound'],
    ['a broken escape', 'GET', '/api/v1/namespaces/%zz', undefined, {}, 404, 'NotFound'],
    ['a method of nothing', 'POST', `${MAPS}/x`, '{}', json, 405, 'MethodNotAllowed'],
    [
      'only protobuf answers',
      'GET',
      MAPS,
      undefined,
      { accept: 'application/vnd.kubernetes.protobuf' },
      406,
      'NotAcceptable',
    ],
    ['a wrong selector', 'GET', `${MAPS}?labelSelector=%3D%3D%3D`, undefined, {}, 400, 'BadRequest'],
    ['a wrong limit', 'GET', `${MAPS}?limit=many`, undefined, {}, 400, 'BadRequest'],
    ['a wrong resourceVersion', 'GET', `${MAPS}?resourceVersion=new`, undefined, {}, 400, 'BadRequest'],
    ['a wrong dryRun', 'POST', `${MAPS}?dryRun=Some`, '{"metadata":{"name":"x"}}', json, 400, 'BadRequest'],
    [
      'a wrong propagationPolicy',
      'DELETE',
      `${MAPS}/kube-root-ca.crt?propagationPolicy=Up`,
      undefined,
      {},
      400,
      'BadRequest',
    ],
    ['a name that is no name', 'GET', `${MAPS}/${'x'.repeat(300)}`, undefined, {}, 404, 'NotFound'],
  ])('%s is refused as a Status', async (_what, method, path, body, headers, code, reason) => {
    const answer = await api.call(method, path, { body, headers });
    expect(answer.status).toBe(code);
    expect(answer.body).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason });
    expect(answer.body['message']).not.toBe('');
  });

  it('a body over 3 MiB is 413, told to the client before its connection closes', async () => {
    const answer = await api.call('POST', MAPS, {
      body: `{"data":{"a":"${'x'.repeat(3 * 1024 * 1024)}"}}`,
      headers: json,
    });
    expect(answer.body).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' });
  });

  it('nesting without end is 400 and the server lives on', async () => {
    const deep = `{"metadata":{"name":"deep"},"data":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`;
    expect((await api.call('POST', MAPS, { body: deep, headers: json })).status).toBe(400);
    expect((await api.get('/healthz')).text).toBe('ok');
  });

  it('__proto__ as a key is data', async () => {
    const { status, text } = await api.call('POST', MAPS, {
      body: '{"metadata":{"name":"proto","annotations":{"__proto__":"x"}}}',
      headers: json,
    });
    expect([201, 422]).toContain(status);
    if (status === 201) expect(text).toContain('__proto__');
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('properties', () => {
  const throwsOnlyStatus = (work: () => unknown): void => {
    try {
      work();
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(StatusError);
    }
  };

  it('the protobuf decoder never throws anything but a Status', () => {
    const envelope = Buffer.from('k8s\0\n\t\n\x02v1\x12\x03Pod\x12', 'latin1');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        throwsOnlyStatus(() => decodeProtobuf(Buffer.from(bytes)));
        throwsOnlyStatus(() => decodeProtobuf(Buffer.concat([envelope, Buffer.of(bytes.length), bytes])));
      }),
    );
  });

  it('duplicate keys are found exactly, whatever the document', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(duplicateKeys(text)).toEqual([]);
        expect(duplicateKeys(`{"a":{"k":${text},"k":1}}`)).toEqual(['a.k']);
        expect(duplicateKeys(`[0,{"k":${text},"\\u006b":1}]`)).toEqual(['[1].k']);
      }),
    );
  });

  it('paths and Accept headers never make the parsers throw anything but a Status', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseResourcePath(`/api/v1/${text}`);
        parseAccept(text);
        throwsOnlyStatus(() => negotiate(text));
      }),
    );
  });
});

describe('persistence', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weft-apiserver-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('after a restart the objects, tokens, certificates and versions are those of before', async () => {
    const persistFile = join(folder, 'state', 'cluster.jsonl');
    const first = await startServer({ persistFile });
    const before = new ApiClient(first);
    const { body: created } = await before.post(MAPS, configMap('kept', { a: 'b' }));
    await before.post('/api/v1/namespaces/default/services', {
      metadata: { name: 's' },
      spec: { clusterIP: '10.96.3.3', ports: [{ port: 1 }] },
    });
    const token = await before.post('/api/v1/namespaces/default/serviceaccounts/default/token', { spec: {} });
    const { caPem, adminToken } = first;
    await first.stop();
    expect((await stat(persistFile)).mode & 0o077).toBe(0);
    const second = await startServer({ persistFile });
    try {
      const after = new ApiClient(second);
      expect(second.caPem).toBe(caPem);
      expect(second.adminToken).toBe(adminToken);
      expect((await after.get(`${MAPS}/kept`)).body).toEqual(created);
      expect(
        (await after.call('GET', '/api', { token: (token.body['status'] as { token: string }).token })).status,
      ).toBe(200);
      const clash = await after.post('/api/v1/namespaces/default/services', {
        metadata: { name: 't' },
        spec: { clusterIP: '10.96.3.3', ports: [{ port: 1 }] },
      });
      expect(clash.status).toBe(422);
      const { body: next } = await after.post(MAPS, configMap('next'));
      expect(Number(metaOf(next)['resourceVersion'])).toBeGreaterThan(Number(metaOf(created)['resourceVersion']));
      const stale = await after.watch(`${MAPS}?watch=1&resourceVersion=${String(metaOf(created)['resourceVersion'])}`);
      await stale.until(1);
      expect(stale.events[0]).toMatchObject({ type: 'ERROR', object: { code: 410 } });
      stale.close();
    } finally {
      await second.stop();
    }
  });

  it('the state is saved while the server runs, not only when it stops', async () => {
    const persistFile = join(folder, 'cluster.jsonl');
    const server = await startServer({ persistFile, persistIntervalMs: 20 });
    try {
      await until(async () => ((await stat(persistFile).catch(() => null))?.size ?? 0) > 0, 'it is saved');
    } finally {
      await server.stop();
    }
  });

  it('a file that is no snapshot is refused with its name and line', async () => {
    const persistFile = join(folder, 'broken');
    await writeFile(persistFile, 'hello\n');
    await expect(startServer({ persistFile })).rejects.toMatchObject({
      code: 'APISERVER_BAD_SNAPSHOT',
      message: expect.stringContaining(`${persistFile}: line 1`) as unknown,
    });
  });
});
