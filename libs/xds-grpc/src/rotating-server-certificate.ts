import { experimental, type ServerCredentials } from '@grpc/grpc-js';

interface ServerCertificate {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
}
type Listener = (update: ServerCertificate | null) => void;

/** TLS credentials of a gRPC server whose certificate may be replaced while it serves; open connections go on. */
export class RotatingServerCertificate {
  readonly #listeners = new Set<Listener>();
  #current: ServerCertificate | null = null;

  /** Until the first `update` a server with these credentials refuses handshakes. */
  credentials(): ServerCredentials {
    // grpc-js names the first parameter after the CA, but it is the identity; the second, for client certificates, may be null.
    return experimental.createCertificateProviderServerCredentials(
      {
        addIdentityCertificateListener: (listener: Listener) => {
          this.#listeners.add(listener);
          // Not at once: grpc-js hears an update only after it has finished adding the listener.
          queueMicrotask(() => listener(this.#current));
        },
        removeIdentityCertificateListener: (listener: Listener) => this.#listeners.delete(listener),
        addCaCertificateListener: () => undefined,
        removeCaCertificateListener: () => undefined,
      },
      null,
      false,
    );
  }

  update({ certificateChainPem, privateKeyPem }: { certificateChainPem: string; privateKeyPem: string }): void {
    this.#current = { certificate: Buffer.from(certificateChainPem), privateKey: Buffer.from(privateKeyPem) };
    for (const listener of this.#listeners) listener(this.#current);
  }
}
