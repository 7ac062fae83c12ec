import { experimental, type ServerCredentials } from '@grpc/grpc-js';

interface ServerCertificate {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
}
interface ClientRoots {
  readonly caCertificate: Buffer;
}
type Listener<T> = (update: T | null) => void;

export interface ServerCertificateUpdate {
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  /** What certificates of clients are verified with, where they are asked for. */
  readonly rootsPem?: string;
}

/** TLS credentials of a gRPC server whose certificate may be replaced while it serves; open connections go on. */
export class RotatingServerCertificate {
  readonly #certificate = new Latest<ServerCertificate>();
  readonly #roots = new Latest<ClientRoots>();

  /**
   * Until the first `update` a server with these credentials refuses handshakes. With `askClients` a client may show a certificate
   * of the roots that come with each update; one without, or with another, is served as one that showed none.
   */
  credentials({ askClients = false }: { readonly askClients?: boolean } = {}): ServerCredentials {
    // grpc-js names the first parameter after the CA, but it is the identity; the second is for client certificates.
    return experimental.createCertificateProviderServerCredentials(
      {
        addIdentityCertificateListener: (listener) => this.#certificate.add(listener),
        removeIdentityCertificateListener: (listener) => this.#certificate.remove(listener),
        addCaCertificateListener: () => undefined,
        removeCaCertificateListener: () => undefined,
      },
      askClients
        ? {
            addIdentityCertificateListener: () => undefined,
            removeIdentityCertificateListener: () => undefined,
            addCaCertificateListener: (listener) => this.#roots.add(listener),
            removeCaCertificateListener: (listener) => this.#roots.remove(listener),
          }
        : null,
      false,
    );
  }

  update({ certificateChainPem, privateKeyPem, rootsPem }: ServerCertificateUpdate): void {
    if (rootsPem !== undefined) this.#roots.set({ caCertificate: Buffer.from(rootsPem) });
    this.#certificate.set({ certificate: Buffer.from(certificateChainPem), privateKey: Buffer.from(privateKeyPem) });
  }
}

class Latest<T> {
  readonly #listeners = new Set<Listener<T>>();
  #current: T | null = null;

  add(listener: Listener<T>): void {
    this.#listeners.add(listener);
    // Not at once: grpc-js hears an update only after it has finished adding the listener.
    queueMicrotask(() => listener(this.#current));
  }

  remove(listener: Listener<T>): void {
    this.#listeners.delete(listener);
  }

  set(value: T): void {
    this.#current = value;
    for (const listener of this.#listeners) listener(value);
  }
}
