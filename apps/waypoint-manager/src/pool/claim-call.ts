import { request } from 'node:http';

const PORT = 15_020;
const DEADLINE_MS = 2000;

/** What a proxy of the pool answered when it was told whom it belongs to. */
export type ClaimAnswer = 'ready' | 'pending' | 'refused' | 'silent';

/** Tells a proxy of the pool whom it belongs to; again to hear whether it serves yet. */
export function tellClaim(
  ip: string,
  claim: { readonly namespace: string; readonly serviceAccount: string },
  port = PORT,
): Promise<ClaimAnswer> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json' };
    const call = request({ host: ip, port, path: '/claim', method: 'POST', headers, agent: false });
    const cut = setTimeout(() => call.destroy(), DEADLINE_MS);
    const done = (answer: ClaimAnswer): void => {
      clearTimeout(cut);
      resolve(answer);
    };
    call.on('error', () => done('silent'));
    call.on('close', () => done('silent'));
    call.on('response', (response) => {
      response.resume();
      response.on('error', () => done('silent'));
      const { statusCode } = response;
      response.on('end', () => done(statusCode === 200 ? 'ready' : statusCode === 202 ? 'pending' : 'refused'));
    });
    call.end(JSON.stringify(claim));
  });
}
