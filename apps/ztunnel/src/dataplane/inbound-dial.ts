import { parseSocketAddress, type IpAddress, type SocketAddress } from '@weft/ip';
import { isOwnPort } from './limits.js';
import type { FailureFlag, InboundContext, InboundVerdict } from './messages.js';
import type { PodServices } from './pod-services.js';
import type { DialOutcome } from './transport.js';
import { verdictKey } from './verdict-key.js';

export type AllowVerdict = Extract<InboundVerdict, { kind: 'allow' }>;

export interface InboundRefusal {
  /** HTTP status for HBONE. */
  readonly status: number;
  readonly reason: string;
  readonly flag: FailureFlag;
}

export interface InboundDialHandler {
  onConnected(fd: number, verdict: AllowVerdict): void;
  onRefused(refusal: InboundRefusal): void;
}

/** What inbound connections of both transports have in common: ask for the verdict, then connect to the application. */
export class InboundDial {
  #withdraw: () => void = () => undefined;
  #over = false;

  constructor(
    private readonly services: PodServices,
    private readonly context: InboundContext,
    private readonly source: SocketAddress,
    private readonly handler: InboundDialHandler,
  ) {}

  start(): void {
    const { services, context } = this;
    const withdraw = services.pod.verdicts.get(
      verdictKey(context),
      (requestId) => services.post({ type: 'inboundVerdictNeeded', requestId, context }),
      (verdict) => this.#judged(verdict),
    );
    if (withdraw !== null) this.#withdraw = withdraw;
  }

  cancel(): void {
    this.#over = true;
    this.#withdraw();
  }

  #judged(verdict: InboundVerdict | null): void {
    if (this.#over) return;
    this.#withdraw = () => undefined;
    if (verdict === null) {
      const reason = `no verdict after ${this.services.limits.answerTimeoutMs} ms`;
      this.#refuse({ status: 503, reason, flag: 'none' });
      return;
    }
    if (verdict.kind === 'deny') {
      const { status, reason } = verdict;
      this.#refuse({ status, reason, flag: status === 401 ? 'DENY' : 'none' });
      return;
    }
    this.#connect(verdict);
  }

  #connect(verdict: AllowVerdict): void {
    const { services, source } = this;
    const to = addressOf(verdict);
    if (to === null) {
      this.#refuse({ status: 503, reason: `bad address ${verdict.dial}`, flag: 'CONNECT' });
      return;
    }
    if (isOwnPort(to.port, services.limits)) {
      this.#refuse({ status: 503, reason: `port ${to.port} is the proxy's own`, flag: 'none' });
      return;
    }
    const from = spoofed(verdict, source, to);
    this.#withdraw = services.pod.dial(to, from, (outcome) => this.#dialled(verdict, outcome));
  }

  #dialled(verdict: AllowVerdict, outcome: DialOutcome): void {
    this.#withdraw = () => undefined;
    if (outcome.kind === 'connected') {
      this.#over = true;
      this.handler.onConnected(outcome.fd, verdict);
      return;
    }
    const why = outcome.kind === 'failed' ? outcome.reason : 'timed out';
    this.#refuse({ status: 503, reason: `connect to the application at ${verdict.dial}: ${why}`, flag: 'CONNECT' });
  }

  #refuse(refusal: InboundRefusal): void {
    this.#over = true;
    this.handler.onRefused(refusal);
  }
}

/** Of verdicts, which many connections share. */
const addresses = new WeakMap<AllowVerdict, SocketAddress>();

function addressOf(verdict: AllowVerdict): SocketAddress | null {
  const known = addresses.get(verdict);
  if (known !== undefined) return known;
  const parsed = parseSocketAddress(verdict.dial);
  if (parsed !== null) addresses.set(verdict, parsed);
  return parsed;
}

/** The address to appear as; null for the pod's own: a pod that talks to itself has no other. */
function spoofed(verdict: AllowVerdict, source: SocketAddress, to: SocketAddress): IpAddress | null {
  const own = source.ip.family !== to.ip.family || source.ip.text === to.ip.text;
  return verdict.preserveSource && !own ? source.ip : null;
}
