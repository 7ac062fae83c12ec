import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { toError } from '@weft/result';

const run = promisify(execFile);
const TRIES = 20;
/** Of 10.<x>.<y>.0/24: what test networks are cut from, one for each id. */
const FIRST = 225;
const IDS = 16 * 256;
const SERVER_COUNT = 8;
const PROXY_COUNT = 3;

/**
 * A network namespace for proxies, so that their fixed ports are their own, joined to this process by a pair of interfaces. This
 * end has several addresses: each is a pod that servers of the test listen for. Names are resolved by this end.
 */
export class PrivateNetwork {
  private constructor(
    readonly namespace: string,
    private readonly subnet: string,
    private readonly link: string,
    private readonly prefix: string,
  ) {}

  static async create(): Promise<PrivateNetwork> {
    for (let tries = 1; ; tries++) {
      const id = randomInt(IDS);
      const network = new PrivateNetwork(
        `weft-route-${id.toString(16)}`,
        `10.${FIRST + (id >> 8)}.${id & 255}`,
        `wr${id.toString(16)}`,
        `fd00:3ef7:${id.toString(16)}`,
      );
      // The name is what nobody else can have at the same time, and the addresses go with it.
      const taken = await run('ip', ['netns', 'add', network.namespace]).catch(toError);
      if (taken instanceof Error) {
        if (tries === TRIES) throw taken;
        continue;
      }
      try {
        await network.#set();
        return network;
      } catch (failure) {
        await network.remove();
        throw failure;
      }
    }
  }

  /** Of this process. */
  get host(): string {
    return `${this.subnet}.1`;
  }

  /** One address for each; all of them share the ports. */
  proxy(number: number): string {
    return `${this.subnet}.${2 + number}`;
  }

  /** The same over IPv6. */
  proxy6(number: number): string {
    return `${this.prefix}::${2 + number}`;
  }

  /** Of this process, too: one address for each. */
  server(number: number): string {
    return `${this.subnet}.${10 + number}`;
  }

  /** Ends what runs there with it, if it has not ended yet. */
  async remove(): Promise<void> {
    await run('ip', ['netns', 'del', this.namespace]).catch(() => undefined);
    await run('ip', ['link', 'del', this.link]).catch(() => undefined);
    await rm(this.#etc, { recursive: true, force: true });
  }

  get #etc(): string {
    return `/etc/netns/${this.namespace}`;
  }

  async #set(): Promise<void> {
    const { namespace, link } = this;
    const inside = (...argv: string[]) => run('ip', ['-n', namespace, ...argv]);
    // Who is started there by `ip netns exec` sees it as its own.
    await mkdir(this.#etc, { recursive: true });
    await writeFile(`${this.#etc}/resolv.conf`, `nameserver ${this.host}\n`);
    await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
    for (const address of [this.host, ...Array.from({ length: SERVER_COUNT }, (_, i) => this.server(i))])
      await run('ip', ['addr', 'add', `${address}/24`, 'dev', link]);
    // Without the search for duplicates, which keeps an address from being used for a second.
    await run('ip', ['addr', 'add', `${this.prefix}::1/64`, 'dev', link, 'nodad']);
    await run('ip', ['link', 'set', link, 'up']);
    for (let i = 0; i < PROXY_COUNT; i++) await inside('addr', 'add', `${this.proxy(i)}/24`, 'dev', 'eth0');
    for (let i = 0; i < PROXY_COUNT; i++) await inside('addr', 'add', `${this.proxy6(i)}/64`, 'dev', 'eth0', 'nodad');
    await inside('link', 'set', 'eth0', 'up');
    await inside('link', 'set', 'lo', 'up');
  }
}
