import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Certificates as an operator would make them, by the openssl command, in a folder of their own. */
export class OpensslPki implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'weft-pki-'));

  constructor() {
    const usage = 'keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n';
    writeFileSync(join(this.#folder, 'ca.ext'), `basicConstraints=critical,CA:TRUE\n${usage}`);
  }

  /** An authority under another one, or a root. */
  authority(name: string, issuer?: string): void {
    const openssl = (...argv: readonly string[]): unknown =>
      execFileSync('openssl', argv, { cwd: this.#folder, stdio: 'pipe' });
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`);
    openssl('req', '-new', '-key', `${name}.key`, '-subj', `/O=Acme/CN=${name}`, '-out', `${name}.csr`);
    const signer =
      issuer === undefined
        ? ['-signkey', `${name}.key`]
        : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'];
    const about = ['-req', '-in', `${name}.csr`, '-days', '30', '-extfile', 'ca.ext', '-out', `${name}.pem`];
    openssl('x509', ...about, ...signer);
  }

  /** The certificate of a server for a host, or for all below it: `*.example.com`. */
  server(name: string, issuer: string, host: string): void {
    this.#sign(name, issuer, `subjectAltName=DNS:${host}\nextendedKeyUsage=serverAuth\n`);
  }

  #sign(name: string, issuer: string, extensions: string): void {
    const openssl = (...argv: readonly string[]): unknown =>
      execFileSync('openssl', argv, { cwd: this.#folder, stdio: 'pipe' });
    writeFileSync(join(this.#folder, `${name}.ext`), extensions);
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`);
    openssl('req', '-new', '-key', `${name}.key`, '-subj', `/O=Acme/CN=${name}`, '-out', `${name}.csr`);
    const about = ['-req', '-in', `${name}.csr`, '-days', '30', '-extfile', `${name}.ext`, '-out', `${name}.pem`];
    openssl('x509', ...about, '-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial');
  }

  pem(name: string): string {
    return readFileSync(join(this.#folder, `${name}.pem`), 'utf8');
  }

  key(name: string): string {
    return readFileSync(join(this.#folder, `${name}.key`), 'utf8');
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}
