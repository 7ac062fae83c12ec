import { toError } from '@weft/result';

export interface DownloadOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export interface Downloaded {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** GET, redirects followed; a header `authorization` does not go along to another origin. Rejects when there is no whole answer. */
export async function download(
  url: string,
  { headers = {}, maxBytes, timeoutMs }: DownloadOptions,
): Promise<Downloaded> {
  const { host } = new URL(url);
  try {
    // Modules come seldom: a connection that was kept may be gone when the next one is wanted.
    const asked = { ...headers, connection: 'close' };
    const response = await fetch(url, { headers: asked, redirect: 'follow', signal: AbortSignal.timeout(timeoutMs) });
    return { status: response.status, headers: response.headers, body: await bodyOf(response, maxBytes) };
  } catch (thrown) {
    throw new Error(`${host}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** `fetch` itself only says that it failed. */
function reasonOf(thrown: unknown): string {
  const { cause } = thrown as { readonly cause?: unknown };
  const { message, code } = (cause ?? {}) as { readonly message?: unknown; readonly code?: unknown };
  const told = [message, code].find((one): one is string => typeof one === 'string' && one !== '');
  return told ?? toError(thrown).message;
}

async function bodyOf({ body }: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
