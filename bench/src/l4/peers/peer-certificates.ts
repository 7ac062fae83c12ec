import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchAuthority } from './bench-authority.js';

/** Files for peers that take their certificates from files. `*.pem` hold chain and key (HAProxy wants one file). */
export interface PeerCertificates {
  readonly caFile: string;
  readonly client: CertificateFiles;
  readonly server: CertificateFiles;
}

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly bothFile: string;
}

/** The name in the server's certificate, for peers that check one. */
export const SERVER_NAME = 'server.bench';

export async function writeCertificates(directory: string, authority: BenchAuthority): Promise<PeerCertificates> {
  const caFile = join(directory, 'ca.pem');
  writeFileSync(caFile, authority.rootsPem);
  const files = async (name: string): Promise<CertificateFiles> => {
    const { certificatePem, privateKeyPem } = await authority.issue(name, `${name}.bench`);
    const base = join(directory, name);
    writeFileSync(`${base}.crt`, certificatePem);
    writeFileSync(`${base}.key`, privateKeyPem, { mode: 0o600 });
    writeFileSync(`${base}.pem`, certificatePem + privateKeyPem, { mode: 0o600 });
    return { certFile: `${base}.crt`, keyFile: `${base}.key`, bothFile: `${base}.pem` };
  };
  return { caFile, client: await files('client'), server: await files('server') };
}
