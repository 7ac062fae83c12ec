import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import {
  iptablesRemovalInput,
  iptablesRestoreInput,
  nftablesInput,
  PodRedirection,
  podRules,
  ProbeBypass,
  runCommand,
  type RedirectionBackend,
} from './index.js';

const DEFAULTS = { dnsCapture: false, bypassInbound: false, virtualInterfaces: [] };

describe('the rules in a pod', () => {
  it('for iptables are, with the defaults, the ones of the reference in its order', () => {
    expect(iptablesRestoreInput(podRules({ ...DEFAULTS, family: 4 }), { jumps: true })).toMatchSnapshot();
  });
  it('for iptables with DNS capture and a virtual interface', () => {
    expect(
      iptablesRestoreInput(podRules({ ...DEFAULTS, family: 6, dnsCapture: true, virtualInterfaces: ['vmtap0'] }), {
        jumps: true,
      }),
    ).toMatchSnapshot();
  });
  it('for nftables, both families', () => {
    const of = (family: 4 | 6) => [family, podRules({ ...DEFAULTS, family, dnsCapture: true })] as const;
    expect(nftablesInput(new Map([of(4), of(6)]))).toMatchSnapshot();
  });
  it('leave inbound traffic alone for a gateway', () => {
    const text = iptablesRestoreInput(podRules({ ...DEFAULTS, family: 4, bypassInbound: true }), { jumps: true });
    expect(text).not.toContain('15006');
    expect(text).toContain('15001');
  });
  it('are removed together with leftovers of another version, and nothing else is', () => {
    const saved =
      '*nat\n:OUTPUT ACCEPT [0:0]\n:ISTIO_OLD - [0:0]\n:KUBE - [0:0]\n-A OUTPUT -p tcp -j ISTIO_OLD\n-A OUTPUT -j KUBE\n-A ISTIO_OLD -j ACCEPT\nCOMMIT\n';
    expect(iptablesRemovalInput(saved)).toBe(
      '*nat\n-D OUTPUT -p tcp -j ISTIO_OLD\n-F ISTIO_OLD\n-X ISTIO_OLD\nCOMMIT\n',
    );
    expect(iptablesRemovalInput('*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n')).toBe('');
  });
});

describe.each<RedirectionBackend>(['iptables-nft', 'iptables-legacy', 'nftables'])(
  '%s in a real network namespace',
  (backend) => {
    let holder: ChildProcess;
    let netnsFd: number;
    const redirection = new PodRedirection(runCommand, backend);
    const options = { ...DEFAULTS, dnsCapture: true, families: [4, 6] as const };

    beforeEach(async () => {
      holder = spawn('unshare', ['-n', 'sh', '-c', 'ip link set lo up; echo up; exec cat'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      await once(holder.stdout!, 'data');
      netnsFd = openSync(`/proc/${holder.pid ?? 0}/ns/net`, 'r');
    });
    afterEach(async () => {
      closeSync(netnsFd);
      holder.stdin!.end();
      await once(holder, 'close');
    });
    const everything = async (): Promise<string> =>
      (
        await runCommand(
          [
            'sh',
            '-c',
            'iptables-legacy-save; iptables-nft-save; ip6tables-legacy-save; ip6tables-nft-save; nft list ruleset; ip rule; ip -6 rule; ip route show table 100 || true',
          ],
          { netnsFd },
        )
      ).replace(/^#.*\n/gm, '');

    it('installs, verifies, repeats without a trace, and removes without a trace', async () => {
      await redirection.install(netnsFd, options);
      const first = await everything();
      expect(await redirection.holds(netnsFd, options)).toBe(true);
      expect(first).toContain('32764:\tfrom all fwmark 0x111/0xfff lookup 100');
      await redirection.install(netnsFd, options);
      expect(await everything()).toBe(first);
      await redirection.remove(netnsFd, options.families);
      const after = await everything();
      expect(after).not.toMatch(/istio/i);
      expect(after).not.toContain('32764');
      await redirection.remove(netnsFd, options.families);
    });

    it('lets new connections pass by and keeps what running ones need, until all of it is removed', async () => {
      await redirection.passNew(netnsFd, options);
      expect(await everything()).not.toMatch(/istio/i);
      await redirection.install(netnsFd, options);
      await redirection.passNew(netnsFd, options);
      const passing = await everything();
      expect(passing).not.toMatch(/redirect|--to-ports/i);
      expect(passing).toMatch(/restore-mark|meta mark set ct mark/);
      expect(passing).toMatch(/-A PREROUTING -j ISTIO_PRERT|jump istio-prerouting/);
      expect(passing).toContain('32764:\tfrom all fwmark 0x111/0xfff lookup 100');
      await redirection.remove(netnsFd, options.families);
      expect(await everything()).not.toMatch(/istio/i);
    });

    it('notices a rule that somebody took out, and puts it back', async () => {
      await redirection.install(netnsFd, options);
      const tamper =
        backend === 'nftables'
          ? ['nft', 'flush', 'chain', 'inet', 'istio-ambient-nat', 'istio-output']
          : [backend.replace('iptables', 'iptables'), '-t', 'nat', '-D', 'ISTIO_OUTPUT', '1'];
      await runCommand(tamper, { netnsFd });
      expect(await redirection.holds(netnsFd, options)).toBe(false);
      await redirection.install(netnsFd, options);
      expect(await redirection.holds(netnsFd, options)).toBe(true);
    });

    it('a probe address is taken out by the pod that it belongs to, and by no other', async () => {
      const run: typeof runCommand = (argv, more) => runCommand(argv, { ...more, netnsFd });
      const bypass = new ProbeBypass({ run, backend, families: [4, 6] });
      const show = () => run(backend === 'nftables' ? ['nft', 'list', 'ruleset'] : ['ipset', 'list']);
      const ip = { family: 4, text: '10.1.2.3' } as const;
      await bypass.install();
      await bypass.install();
      await bypass.add(ip, 'first');
      await bypass.add(ip, 'second');
      await bypass.remove(ip, 'first');
      expect(await show()).toContain('10.1.2.3');
      await bypass.remove(ip, 'second');
      expect(await show()).not.toContain('10.1.2.3');
      await bypass.uninstall();
      expect(await everything()).not.toMatch(/istio/i);
    });
  },
);

it('a rule that the kernel has no module for is an error that shows what iptables said', async () => {
  const run: typeof runCommand = ([program = '']) => {
    const said = program.endsWith('-restore') ? 'echo "Couldn\'t load match connmark" >&2; exit 2' : 'true';
    return runCommand(['sh', '-c', said]);
  };
  const broken = new PodRedirection(run, 'iptables');
  await expect(broken.install(0, { ...DEFAULTS, families: [4] })).rejects.toThrow(
    "status 2: Couldn't load match connmark",
  );
});
