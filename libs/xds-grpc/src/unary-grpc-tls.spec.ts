import { execFile } from 'node:child_process';
import { connect } from 'node:tls';
import { useTlsProfile } from '@weft/runtime';
import { TLS_PROFILES, type TlsProfileName } from '@weft/tls-profile';
import { echo, UnaryRig } from './testing/unary-rig.js';

const disposers: (() => unknown)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

async function serve(profile: TlsProfileName): Promise<UnaryRig> {
  disposers.push(useTlsProfile(TLS_PROFILES[profile]));
  const rig = await UnaryRig.start(echo);
  disposers.push(() => rig.stop());
  return rig;
}

/** What the openssl command (a library without ML-KEM) negotiates; '' if it is refused. */
async function sClient({ port }: UnaryRig, ...args: readonly string[]): Promise<string> {
  const argv = ['s_client', '-connect', `127.0.0.1:${port}`, '-alpn', 'h2', ...args];
  const said = await new Promise<string>((resolve) => {
    const child = execFile('openssl', argv, { timeout: 10_000 }, (_, stdout) => resolve(stdout));
    child.stdin?.end();
  });
  const [, version = '', suite = ''] = /^New, (\S+), Cipher is (\S+)$/m.exec(said) ?? [];
  const [, group = ''] = /^Server Temp Key: (?:ECDH, )?([^,\n]+)/m.exec(said) ?? [];
  return suite === '(NONE)' || suite === '' ? '' : `${version} ${suite} ${group}`;
}

/** A client of Node.js, which has ML-KEM; null if it is refused. */
function nodeClient({ port, authority }: UnaryRig, ecdhCurve: string): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { port, host: '127.0.0.1', servername: 'localhost', ca: authority.rootsPem, ALPNProtocols: ['h2'] };
    const socket = connect({ ...options, ecdhCurve }, () => {
      resolve(socket.getProtocol());
      socket.destroy();
    });
    socket.on('error', () => resolve(null));
  });
}

const AES_256 = 'TLSv1.3 TLS_AES_256_GCM_SHA384';

it('by default the server agrees with every modern peer, and on TLS 1.2 with forward secrecy and AES-GCM', async () => {
  const rig = await serve('default');
  expect(await sClient(rig)).toBe(`${AES_256} X25519`);
  expect(await sClient(rig, '-tls1_2')).toMatch(/^TLSv1.2 ECDHE-ECDSA-AES(256|128)-GCM-SHA(384|256) /);
  expect(await sClient(rig, '-tls1_1')).toBe('');
  expect(await sClient(rig, '-groups', 'P-521')).toBe('');
  expect(await nodeClient(rig, 'X25519MLKEM768')).toBe('TLSv1.3');
});

it('under pqc it agrees on X25519MLKEM768 alone', async () => {
  const rig = await serve('pqc');
  expect(await sClient(rig)).toBe('');
  expect(await nodeClient(rig, 'X25519')).toBeNull();
  expect(await nodeClient(rig, 'X25519MLKEM768')).toBe('TLSv1.3');
});

it('under fips it agrees on P-256 and P-384 alone', async () => {
  const rig = await serve('fips');
  expect(await sClient(rig)).toBe(`${AES_256} prime256v1`);
  expect(await sClient(rig, '-groups', 'P-384')).toBe(`${AES_256} secp384r1`);
  expect(await sClient(rig, '-groups', 'X25519')).toBe('');
});

it.each(Object.keys(TLS_PROFILES) as TlsProfileName[])('under %s a certificate that was replaced keeps the profile', async (name) => {
  const rig = await serve(name);
  rig.server.useCertificate(await rig.authority.issue('spiffe://cluster.local/ns/a/sa/server', { dnsNames: ['localhost'] }));
  expect(await sClient(rig, '-groups', 'P-521')).toBe('');
  expect(await nodeClient(rig, name === 'fips' ? 'P-256' : 'X25519MLKEM768')).toBe('TLSv1.3');
}); // prettier-ignore
