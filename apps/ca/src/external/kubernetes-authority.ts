import { randomUUID } from 'node:crypto';
import {
  CERTIFICATE_SIGNING_REQUESTS,
  type CertificateSigningRequest,
  type Informer,
  type KubeClient,
} from '@weft/kube';
import { MeshError, toError, type Clock } from '@weft/result';
import type { Logger } from '@weft/runtime';
import { splitPemCertificates } from '@weft/spiffe';
import type { IssueRequest } from '../issuing.js';
import type { ExternalAuthority } from './external-signer.js';

/** `CA_CSR_FAILED`: the CertificateSigningRequest was denied, failed, or was not signed in time. */
export class CsrFailedError extends MeshError {
  readonly code = 'CA_CSR_FAILED';
}

export interface KubernetesAuthorityOptions {
  readonly kube: KubeClient;
  /** `spec.signerName` of the requests. */
  readonly signerName: string;
  /** Tells the requests of this process from others'. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const LABEL = 'ca.weft.io/instance';
const SIGN_MS = 8000;
/** The least that the API takes. */
const SHORTEST_SECONDS = 600;

/**
 * Has certificates signed by a signer of the CertificateSigningRequest API: creates a request, approves it (this CA has
 * authenticated the caller and decided who it is), waits for the signer, deletes it.
 */
export class KubernetesAuthority implements ExternalAuthority {
  readonly name = 'CertificateSigningRequests';
  readonly #requests: Informer<CertificateSigningRequest>;
  readonly #waiting = new Map<string, (request: CertificateSigningRequest) => void>();

  constructor(private readonly options: KubernetesAuthorityOptions) {
    const labelSelector = `${LABEL}=${options.instance}`;
    this.#requests = options.kube.informer(CERTIFICATE_SIGNING_REQUESTS, { labelSelector });
    const look = (request: CertificateSigningRequest): void =>
      this.#waiting.get(request.metadata?.name ?? '')?.(request);
    this.#requests.on({ added: look, updated: look });
  }

  async start(): Promise<void> {
    await this.#requests.start();
    await this.#requests.synced;
  }

  async stop(): Promise<void> {
    await this.#requests.stop();
  }

  async sign({ csrPem, ttlMs }: IssueRequest): Promise<readonly string[]> {
    const { kube, signerName, instance } = this.options;
    const name = `weft-ca-${randomUUID()}`;
    const signed = this.#answerOf(name);
    signed.catch(() => undefined);
    try {
      await kube.create(CERTIFICATE_SIGNING_REQUESTS, {
        metadata: { name, labels: { [LABEL]: instance } },
        spec: {
          request: Buffer.from(csrPem).toString('base64'),
          signerName,
          expirationSeconds: Math.max(SHORTEST_SECONDS, Math.floor(ttlMs / 1000)),
          usages: ['digital signature', 'key encipherment', 'server auth', 'client auth'],
        },
      });
      await this.#approve(name);
      return splitPemCertificates(await signed);
    } finally {
      this.#waiting.delete(name);
      kube.delete(CERTIFICATE_SIGNING_REQUESTS, undefined, name).catch((thrown: unknown) => {
        this.options.log.warn(
          { name, err: toError(thrown).message },
          'a CertificateSigningRequest could not be deleted',
        );
      });
    }
  }

  async #approve(name: string): Promise<void> {
    const condition = {
      ...{ type: 'Approved', status: 'True', reason: 'AuthenticatedByMeshCA' },
      message: 'The CA of the mesh has authenticated the workload',
      lastUpdateTime: new Date(this.options.clock.now()).toISOString(),
    };
    const body = { status: { conditions: [condition] } };
    const where = { kind: 'merge', subresource: 'approval' } as const;
    await this.options.kube.patch(CERTIFICATE_SIGNING_REQUESTS, undefined, name, body, where);
  }

  /** PEM of the certificate. */
  #answerOf(name: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        this.#waiting.delete(name);
      };
      const fail = (why: string): void => {
        end();
        reject(new CsrFailedError(`CertificateSigningRequest ${name} for ${this.options.signerName} ${why}`));
      };
      const cancel = this.options.clock.after(SIGN_MS, () =>
        fail(`was not signed within ${SIGN_MS} ms: is its signer running?`),
      );
      this.#waiting.set(name, ({ status }) => {
        const bad = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
        if (bad !== undefined) fail(`is ${bad.type}: ${bad.message ?? bad.reason ?? ''}`);
        else if (status?.certificate !== undefined && status.certificate !== '') {
          end();
          resolve(Buffer.from(status.certificate, 'base64').toString());
        }
      });
    });
  }
}
