import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  KubeClient,
  NAMESPACES,
  SERVICE_ACCOUNTS,
  type KubeObject,
  type ResourceType,
} from '@weft/kube';
import { meshCrds } from '@weft/mesh-api';
import { MeshError } from '@weft/result';
import { createLogger } from '@weft/runtime';
import { CertificateAuthority, checkCsr, createCsr, createRoot } from '@weft/spiffe';
import { ApiServer } from '@weft/testing-kube-apiserver';
import { freePort } from '../free-port.js';
import { Program } from '../l4/program.js';

/** `BENCH_CONTROL_NOT_READY`: the control plane ended, or did not do something in time. */
export class ControlNotReadyError extends MeshError {
  readonly code = 'BENCH_CONTROL_NOT_READY';
}

export const SYSTEM = 'istio-system';
export const NAME = 'istiod.istio-system.svc';
const DEFINITIONS: ResourceType<KubeObject> = CUSTOM_RESOURCE_DEFINITIONS;
const TTL_MS = 24 * 3_600_000;
const READY_MS = 120_000;

/** The control plane as it ships, in a process of its own, on an API server in this one. */
export class ControlSite {
  private constructor(
    private readonly server: ApiServer,
    readonly kube: KubeClient,
    readonly directory: string,
    readonly rootPem: string,
    private readonly argv: readonly string[],
    private readonly env: Readonly<Record<string, string>>,
    private program: Program | null,
  ) {}

  /** The API server; the control plane comes with `run`, and leaves a CPU profile where it is told to. */
  static async open(root: string, profile: string | null): Promise<ControlSite> {
    const directory = mkdtempSync(join(tmpdir(), 'weft-bench-control-'));
    const log = createLogger('bench', 'silent');
    const listeners = [{ host: '127.0.0.1', port: 0 }];
    const server = new ApiServer({ listeners, serviceCidr: '10.96.0.0/16', clusterDomain: 'cluster.local', log });
    await server.start();
    const kubeconfig = server.adminKubeconfig(`https://127.0.0.1:${server.ports[0]!}`);
    writeFileSync(join(directory, 'kubeconfig'), kubeconfig, { mode: 0o600 });
    const kube = KubeClient.fromKubeconfig(kubeconfig);
    await kube.create(NAMESPACES, { metadata: { name: SYSTEM } });
    for (const crd of meshCrds()) await kube.create(DEFINITIONS, crd);
    const rootPem = await writeServerCertificate(directory);
    const [xds, admin] = [await freePort(), await freePort()];
    const env = {
      ...{ KUBECONFIG: join(directory, 'kubeconfig'), XDS_HOST: '127.0.0.1', ADMIN_HOST: '127.0.0.1' },
      ...{ XDS_PORT: String(xds), ADMIN_PORT: String(admin), VALIDATION_ENABLED: 'false' },
      ...{ TLS_CERT_FILE: join(directory, 'cert.pem'), TLS_KEY_FILE: join(directory, 'key.pem') },
    };
    const flags = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    const argv = [process.execPath, ...flags, join(root, 'dist/apps/control-plane/main.cjs')];
    return new ControlSite(server, kube, directory, rootPem, argv, env, null);
  }

  /** Starts the control plane and waits until it serves. Gives the seconds that took. */
  async run(): Promise<number> {
    const startedMs = performance.now();
    const logPath = join(this.directory, 'control-plane.log');
    this.program = await Program.start({ argv: this.argv, logPath, netns: null, env: this.env });
    await this.until('ready', async () => (await fetch(`${this.#admin}/readyz`)).ok);
    return (performance.now() - startedMs) / 1000;
  }

  get pid(): number {
    return this.program?.pid ?? 0;
  }

  get xdsPort(): number {
    return Number(this.env['XDS_PORT']);
  }

  /** Writes an object as the API server's own store does, without the price of a request. */
  put(bucket: string, object: KubeObject): void {
    const { store } = this.server.cluster;
    store.put(store.bucket(bucket), object as Parameters<typeof store.put>[1]);
  }

  remove(bucket: string, namespace: string, name: string): void {
    const { store } = this.server.cluster;
    store.remove(store.bucket(bucket), namespace, name);
  }

  async token(namespace: string, serviceAccount: string): Promise<string> {
    await this.kube.createOrGet(SERVICE_ACCOUNTS, { metadata: { namespace, name: serviceAccount } });
    const options = { audiences: ['istio-ca'], expirationSeconds: 3600 };
    return (await this.kube.createToken(namespace, serviceAccount, options)).token;
  }

  /** Sums of the series of a counter, by the value of the label `type`. */
  async byType(counter: string): Promise<ReadonlyMap<string, number>> {
    const text = await (await fetch(`${this.#admin}/metrics`)).text();
    const sums = new Map<string, number>();
    for (const line of text.split('\n')) {
      if (!line.startsWith(`${counter}{`)) continue;
      const type = /type="([^"]*)"/.exec(line)?.[1] ?? '';
      sums.set(type, (sums.get(type) ?? 0) + Number(line.split(' ').at(-1)));
    }
    return sums;
  }

  async until(
    what: string,
    done: () => boolean | Promise<boolean>,
    { deadlineMs = READY_MS, pollMs = 20 }: { readonly deadlineMs?: number; readonly pollMs?: number } = {},
  ): Promise<void> {
    const endMs = Date.now() + deadlineMs;
    for (;;) {
      if (await Promise.resolve(done()).catch(() => false)) return;
      if (this.program?.problem != null) throw new ControlNotReadyError(`the control plane ${this.program.problem}`);
      if (Date.now() > endMs) throw new ControlNotReadyError(`not ${what} within ${deadlineMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  async close(): Promise<void> {
    await this.program?.stop();
    this.kube.close();
    await this.server.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  get #admin(): string {
    return `http://127.0.0.1:${this.env['ADMIN_PORT']}`;
  }
}

async function writeServerCertificate(directory: string): Promise<string> {
  const now = Date.now();
  const root = await createRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: TTL_MS, now });
  const authority = await CertificateAuthority.load(root, now);
  if (!authority.ok) throw authority.error;
  const spiffeId = 'spiffe://cluster.local/ns/istio-system/sa/weft-control-plane';
  const { csrPem, privateKeyPem } = await createCsr(spiffeId);
  const csr = await checkCsr(csrPem, spiffeId);
  if (!csr.ok) throw csr.error;
  const leaf = await authority.value.issue(csr.value.publicKey, { spiffeId, dnsNames: [NAME], ttlMs: TTL_MS, now });
  writeFileSync(join(directory, 'cert.pem'), leaf.pem);
  writeFileSync(join(directory, 'key.pem'), privateKeyPem, { mode: 0o600 });
  return authority.value.material.rootsPem;
}
