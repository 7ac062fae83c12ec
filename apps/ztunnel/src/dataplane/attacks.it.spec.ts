import { until } from '@weft/testing-fixtures';
import { APP_PORT } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo, endOf } from '../testing/data-plane-suite.js';
import { connectBlock, frame, frameType, HTTP2_PREFACE, RawPeer, u32 } from '../testing/raw-http2.js';
import { ENGINE_NAMES } from './engine.js';

// What a client with a good certificate may try against a pod's 15008. Each must end with its own connection, cost no memory
// to speak of, and leave everybody else alone (reference: Envoy's limits for CVE-2019-9512 to -9518, CVE-2023-44487,
// CVE-2024-27919, CVE-2025-64763).

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION } = frameType;
const ENHANCE_YOUR_CALM = 11;
const PROTOCOL_ERROR = 1;
const END_HEADERS = 4;
const RSS_GROWTH_BYTES = 96 * 1024 * 1024;

const many = (count: number, one: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => one(i)));

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  const authority = (): string => `${suite.rig.server.address}:${APP_PORT}`;
  const open = (streamId: number): Buffer => frame(HEADERS, END_HEADERS, streamId, connectBlock(authority()));

  async function start(): Promise<RawPeer> {
    await suite.start();
    await suite.serveEcho();
    return attacker();
  }

  async function attacker(): Promise<RawPeer> {
    return RawPeer.connect(await suite.connectUncaptured(), suite.rig.identities.client);
  }

  /** Others are served while and after it happens. */
  async function expectOthersServed(): Promise<void> {
    expect(await echo(suite.connect())).toBe('ping');
  }

  const floods: readonly (readonly [name: string, attack: () => Buffer, rule: string])[] = [
    [
      'rapid reset (CVE-2023-44487)',
      () => many(3000, (i) => Buffer.concat([open(2 * i + 1), frame(RST_STREAM, 0, 2 * i + 1, u32(8))])),
      'too many streams end in a reset',
    ],
    [
      'PING flood (CVE-2019-9512)',
      () => many(20_000, () => frame(PING, 0, 0, Buffer.alloc(8))),
      'too many PING frames',
    ],
    ['SETTINGS flood (CVE-2019-9515)', () => many(5000, () => frame(SETTINGS, 0, 0)), 'too many SETTINGS frames'],
    [
      'WINDOW_UPDATE flood',
      () => many(20_000, () => frame(WINDOW_UPDATE, 0, 0, u32(1))),
      'too many WINDOW_UPDATE frames',
    ],
    ['PRIORITY flood', () => many(20_000, () => frame(PRIORITY, 0, 1, Buffer.alloc(5))), 'too many PRIORITY frames'],
    [
      'frames of no known type',
      () => many(20_000, () => frame(0x77, 0, 0, Buffer.alloc(9))),
      'too many frames without effect',
    ],
    [
      'CONTINUATION flood (CVE-2024-27919)',
      () =>
        Buffer.concat([
          frame(HEADERS, 0, 1, connectBlock(authority())),
          many(5000, () => frame(CONTINUATION, 0, 1, Buffer.alloc(1000))),
        ]),
      'too many CONTINUATION frames',
    ],
    [
      'empty CONTINUATION frames (CVE-2019-9518)',
      () =>
        Buffer.concat([frame(HEADERS, 0, 1, connectBlock(authority())), many(5000, () => frame(CONTINUATION, 0, 1))]),
      'too many empty frames in a row',
    ],
    [
      'streams without end',
      () => many(5000, (i) => frame(HEADERS, END_HEADERS, 2 * i + 1, connectBlock('10.0.0.9:1'))),
      'too many streams end in a reset',
    ],
  ];

  it.each(floods)('%s ends the connection with GOAWAY and costs nobody else anything', async (_, attack, rule) => {
    const peer = await start();
    // Each verdict is late, so that nothing that was opened is answered.
    suite.rig.verdict = ({ authority: asked }) =>
      asked === '10.0.0.9:1' ? null : suite.rig.allow({ ...asContext, authority: asked! });
    const before = process.memoryUsage.rss();
    peer.send(attack());
    await until(() => peer.closed, 'the attacker is cut off', 20_000);
    // Said, unless the rest of the flood turned the end into a reset on the way.
    expect([ENHANCE_YOUR_CALM, null]).toContain(peer.goawayCode());
    await suite.rig.waitFor(
      'connectionFailed',
      ({ reason, flag }) => flag === 'H2_HANDSHAKE_FAILURE' && reason.includes(rule),
    );
    expect(process.memoryUsage.rss() - before).toBeLessThan(RSS_GROWTH_BYTES);
    await expectOthersServed();
  });

  it('empty DATA frames (CVE-2019-9518) end the connection', async () => {
    const peer = await start();
    peer.send(open(1));
    await until(
      () => peer.frames().some(({ type, streamId }) => type === HEADERS && streamId === 1),
      'the tunnel is open',
    );
    peer.send(many(5000, () => frame(DATA, 0, 1)));
    await until(() => peer.closed, 'the attacker is cut off', 20_000);
    await suite.rig.waitFor('connectionFailed', ({ reason }) => reason.includes('too many empty frames in a row'));
    await expectOthersServed();
  });

  it('an HPACK bomb (CVE-2026-47774) is counted in decoded bytes and answered 431; the connection goes on', async () => {
    const peer = await start();
    // One entry of 3,000 bytes in the dynamic table, then 2,000 references of a byte each: 6 MB decoded.
    const entry = Buffer.concat([
      Buffer.from([0x40, 1]),
      Buffer.from('x'),
      Buffer.from([0x7f, 0x80 | (2873 & 0x7f), 2873 >> 7]),
      Buffer.alloc(3000, 'a'),
    ]);
    const bomb = Buffer.concat([connectBlock(authority()), entry, Buffer.alloc(2000, 0xbe)]);
    const before = process.memoryUsage.rss();
    peer.send(frame(HEADERS, END_HEADERS, 1, bomb));
    await until(() => peer.frames().some(({ type }) => type === HEADERS), 'an answer comes');
    const answer = peer.frames().find(({ type }) => type === HEADERS)!;
    expect(answer.payload.toString('latin1')).toContain('431');
    expect(process.memoryUsage.rss() - before).toBeLessThan(RSS_GROWTH_BYTES);
    peer.send(open(3));
    await until(
      () => peer.frames().some(({ type, streamId }) => type === HEADERS && streamId === 3),
      'the next is served',
    );
    expect(peer.closed).toBe(false);
  });

  it('early data after CONNECT (CVE-2025-64763) resets the stream; the application sees none of it', async () => {
    await suite.start();
    const seen: string[] = [];
    await suite.serve((socket) => {
      socket.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
      socket.pipe(socket);
    });
    const peer = await attacker();
    peer.send(open(1), frame(DATA, 0, 1, Buffer.from('too early')));
    await until(
      () => peer.frames().some(({ type, streamId }) => type === RST_STREAM && streamId === 1),
      'the stream is reset',
    );
    expect(
      peer
        .frames()
        .find(({ type }) => type === RST_STREAM)
        ?.payload.readUInt32BE(0),
    ).toBe(PROTOCOL_ERROR);
    await expectOthersServed();
    expect(seen).toEqual(['ping']);
  });

  it('a slow reader holds back the application, not the proxy’s memory', async () => {
    await suite.start();
    let written = 0;
    await suite.serve((socket) => {
      const chunk = Buffer.alloc(65_536);
      const pump = (): void => {
        while (written < 512 * 1024 * 1024 && socket.write(chunk)) written += chunk.length;
      };
      socket.on('drain', pump);
      pump();
    });
    const peer = await attacker();
    const before = process.memoryUsage.rss();
    // All the credit that there is, and then nothing is read.
    peer.socket.pause();
    peer.send(
      frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), u32(0x7fff_ffff)])),
      frame(WINDOW_UPDATE, 0, 0, u32(0x7fff_0000)),
      open(1),
    );
    let last = -1;
    const stalled = (): boolean => {
      const same = written > 0 && written === last;
      last = written;
      return same;
    };
    await until(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        return stalled();
      },
      'nothing is written any more',
      20_000,
    );
    // Socket buffers at four ends, and what the proxy keeps for one tunnel.
    expect(written).toBeLessThan(64 * 1024 * 1024);
    expect(process.memoryUsage.rss() - before).toBeLessThan(RSS_GROWTH_BYTES);
    peer.socket.destroy();
    await suite.rig.waitFor('connectionClosed');
  });

  it('slow writers hold a connection each, and nothing more: TLS in drops is given up, half a frame waits alone', async () => {
    await suite.start({ limits: { handshakeTimeoutMs: 4000 } });
    await suite.serveEcho();
    const drops = await Promise.all(Array.from({ length: 20 }, () => suite.connectUncaptured()));
    const ends = drops.map(endOf);
    for (const socket of drops) socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02]));
    const halves = await Promise.all(Array.from({ length: 20 }, attacker));
    for (const peer of halves) peer.send(frame(HEADERS, END_HEADERS, 1, connectBlock(authority())).subarray(0, 12));
    await expectOthersServed();
    expect(await Promise.all(ends)).toHaveLength(20);
    const failed = (): number => suite.rig.of('connectionFailed').filter(({ flag }) => flag === 'TLS_FAILURE').length;
    await until(() => failed() === drops.length, 'all are reported');
    for (const peer of halves) peer.send(frame(HEADERS, END_HEADERS, 1, connectBlock(authority())).subarray(12));
    await until(
      () => halves.every((peer) => peer.frames().some(({ type }) => type === HEADERS)),
      'they are served in the end',
    );
  });

  it('a thousand connections that never speak cost less than 128 KiB each, with the end that makes them', async () => {
    await suite.start();
    await suite.serveEcho();
    const before = process.memoryUsage.rss();
    const idle = await Promise.all(Array.from({ length: 1000 }, () => suite.connectUncaptured()));
    await expectOthersServed();
    // Both ends are in this process, and so is the garbage of connecting.
    expect(process.memoryUsage.rss() - before).toBeLessThan(1000 * 128 * 1024);
    for (const socket of idle) socket.destroy();
    await expectOthersServed();
  });

  it('an authority that is not the workload is refused with the status of the verdict, and others on the tunnel are served', async () => {
    const peer = await start();
    suite.rig.verdict = (context) =>
      context.authority === '10.9.9.9:80'
        ? { kind: 'deny', status: 400, reason: 'ip mismatch' }
        : suite.rig.allow(context);
    peer.send(frame(HEADERS, END_HEADERS, 1, connectBlock('10.9.9.9:80')), open(3));
    await until(() => peer.frames().filter(({ type }) => type === HEADERS).length === 2, 'both are answered');
    const statuses = new Map(
      peer
        .frames()
        .filter(({ type }) => type === HEADERS)
        .map(({ streamId, payload }) => [streamId, payload[0]]),
    );
    // Entries 12 and 8 of the static table: 400 and 200.
    expect(statuses).toEqual(
      new Map([
        [1, 0x8c],
        [3, 0x88],
      ]),
    );
    expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({ reason: 'ip mismatch' });
  });

  it('nothing but HTTP/2 after a good handshake is answered with the end', async () => {
    const peer = await start();
    peer.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'), HTTP2_PREFACE);
    await until(() => peer.closed, 'it is cut off');
    await expectOthersServed();
  });
});

const asContext = { podUid: 'server', transport: 'hbone', source: '', destination: '', peerIdentity: null } as const;
