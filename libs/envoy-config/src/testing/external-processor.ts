import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import {
  ExternalProcessorService,
  ProcessingResponse,
  type HttpHeaders,
  type ProcessingRequest,
} from '@weft/xds/gen/envoy/service/ext_proc/v3/external_processor.js';

type Call = ServerDuplexStream<ProcessingRequest, ProcessingResponse>;
type Response = Parameters<typeof ProcessingResponse.fromPartial>[0];

const CONTINUE = {};
const added = (key: string, value: string) => ({
  headerMutation: { setHeaders: [{ header: { key, rawValue: Buffer.from(value) } }], removeHeaders: ['x-secret'] },
});

/**
 * An external processor (ext_proc) whose doing is chosen by the path: `/stop...` is answered by it, `/silent...` is never answered,
 * everything else gets headers and bodies in capitals.
 */
export class ExternalProcessor {
  /** What it was asked about, in order. */
  readonly asked: string[] = [];
  readonly #server = new Server();

  private constructor() {
    this.#server.addService(ExternalProcessorService, { process: (call: Call): void => this.#process(call) });
  }

  static async start(): Promise<{ readonly processor: ExternalProcessor; readonly port: number }> {
    const processor = new ExternalProcessor();
    const port = await new Promise<number>((resolve, reject) =>
      processor.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    return { processor, port };
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #process(call: Call): void {
    call.on('error', () => undefined);
    call.on('end', () => call.end());
    call.on('data', ({ request }: ProcessingRequest) => {
      if (request === undefined) return;
      this.asked.push(request.$case);
      const response = answerTo(request);
      if (response !== null) call.write(ProcessingResponse.fromPartial(response));
    });
  }
}

function answerTo(request: NonNullable<ProcessingRequest['request']>): Response | null {
  switch (request.$case) {
    case 'requestHeaders':
      return requestAnswer(valueOf(request.value, ':path'), valueOf(request.value, 'x-user'));
    case 'responseHeaders':
      return { response: { $case: 'responseHeaders', value: { response: added('x-answer', 'processed') } } };
    case 'requestBody':
    case 'responseBody': {
      const body = Buffer.from(request.value.body.toString().toUpperCase());
      const value = { response: { bodyMutation: { mutation: { $case: 'body' as const, value: body } } } };
      return { response: { $case: request.$case, value } };
    }
    case 'requestTrailers':
    case 'responseTrailers':
      return { response: { $case: request.$case, value: CONTINUE } };
  }
}

function requestAnswer(path: string, user: string): Response | null {
  if (path.startsWith('/silent')) return null;
  if (!path.startsWith('/stop'))
    return { response: { $case: 'requestHeaders', value: { response: added('x-processed', user) } } };
  const value = {
    status: { code: 418 },
    headers: { setHeaders: [{ header: { key: 'x-reason', rawValue: Buffer.from('stopped') } }] },
    body: Buffer.from('no further'),
  };
  return { response: { $case: 'immediateResponse', value } };
}

function valueOf({ headers }: HttpHeaders, key: string): string {
  const found = headers?.headers.find((one) => one.key === key) as { value: string; rawValue?: Buffer } | undefined;
  return found === undefined ? '' : found.value || (found.rawValue?.toString() ?? '');
}
