import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import {
  RateLimitResponse_Code as Code,
  RateLimitServiceService,
  type RateLimitRequest,
  RateLimitResponse,
} from '@weft/xds/gen/envoy/service/ratelimit/v3/rls.js';

type Call = ServerUnaryCall<RateLimitRequest, RateLimitResponse>;

/**
 * A rate limit service that lets so many requests of each descriptor through and then no more. In place of that of Envoy's authors,
 * which takes minutes to build and a Redis.
 */
export class RateLimitServer {
  readonly #counts = new Map<string, number>();
  readonly #server = new Server();

  private constructor(private readonly limit: number) {
    this.#server.addService(RateLimitServiceService, {
      shouldRateLimit: ({ request }: Call, answer: sendUnaryData<RateLimitResponse>) =>
        answer(null, this.#answer(request)),
    });
  }

  static async start(limit: number): Promise<{ readonly server: RateLimitServer; readonly port: number }> {
    const server = new RateLimitServer(limit);
    const port = await new Promise<number>((resolve, reject) =>
      server.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    return { server, port };
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #answer({ domain, descriptors }: RateLimitRequest): RateLimitResponse {
    const over = descriptors.filter(({ entries }) => {
      const key = [domain, ...entries.map(({ key: name, value }) => `${name}=${value}`)].join('|');
      const count = (this.#counts.get(key) ?? 0) + 1;
      this.#counts.set(key, count);
      return count > this.limit;
    });
    return RateLimitResponse.fromPartial({ overallCode: over.length > 0 ? Code.OVER_LIMIT : Code.OK });
  }
}
