import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeqPacketConnection, SeqPacketServer, SeqPacketTruncatedError, SystemCallError } from './index.js';

describe('SeqPacket', () => {
  const disposers: (() => void)[] = [];
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weft-seqpacket-'));
    disposers.push(() => rmSync(folder, { recursive: true }));
  });
  afterEach(() => {
    for (const dispose of disposers.splice(0).reverse()) dispose();
  });

  async function pair(maxMessageBytes = 1024): Promise<{ client: SeqPacketConnection; served: SeqPacketConnection }> {
    const path = join(folder, 'test.sock');
    const server = SeqPacketServer.listen(path, { maxMessageBytes });
    disposers.push(() => server.close());
    const accepted = once(server, 'connection') as Promise<[SeqPacketConnection]>;
    const client = SeqPacketConnection.connect(path, { maxMessageBytes });
    const [served] = await accepted;
    disposers.push(
      () => client.close(),
      () => served.close(),
    );
    return { client, served };
  }

  const nextMessage = (connection: SeqPacketConnection) => once(connection, 'message') as Promise<[Buffer, number[]]>;

  it('keeps packet boundaries in both directions', async () => {
    const { client, served } = await pair();
    const texts: string[] = [];
    const done = new Promise<void>((resolve) =>
      served.on('message', (message) => {
        if (texts.push(message.toString()) === 3) resolve();
      }),
    );
    await Promise.all(['a', 'bb', 'ccc'].map((text) => client.send(Buffer.from(text))));
    await done;
    expect(texts).toEqual(['a', 'bb', 'ccc']);
    const answer = nextMessage(client);
    await served.send(Buffer.from('ack'));
    expect((await answer)[0].toString()).toBe('ack');
  });

  it('passes a descriptor of the same open file, which the receiver owns', async () => {
    const { client, served } = await pair();
    const received = nextMessage(served);
    const fd = openSync('/proc/self/ns/net', 'r');
    await client.send(Buffer.from('add'), [fd]);
    const expected = fstatSync(fd).ino;
    closeSync(fd);
    const [message, fds] = await received;
    expect(message.toString()).toBe('add');
    expect(fds).toHaveLength(1);
    expect(fstatSync(fds[0]!).ino).toBe(expected);
    closeSync(fds[0]!);
  });

  it('delivers what the peer sent before it closed, then an orderly close', async () => {
    const { client, served } = await pair();
    const events: string[] = [];
    served.on('message', (message) => events.push(message.toString()));
    const closed = once(served, 'close');
    await client.send(Buffer.from('last words'));
    client.close();
    expect(await closed).toEqual([null]);
    expect(events).toEqual(['last words']);
    await expect(served.send(Buffer.from('x'))).rejects.toMatchObject({ errnoName: 'EPIPE' });
  });

  it('closes on a packet larger than the limit (MSG_TRUNC)', async () => {
    const { client, served } = await pair(16);
    const closed = once(served, 'close');
    await client.send(Buffer.alloc(17));
    expect((await closed)[0]).toBeInstanceOf(SeqPacketTruncatedError);
  });

  it('queues when the peer does not read, keeps the order, and needs the caller to keep no descriptor open', async () => {
    const { client, served } = await pair(65_536);
    const packets = 200;
    const fd = openSync('/proc/self/ns/net', 'r');
    const identity = fstatSync(fd).ino;
    const sends = Array.from({ length: packets }, (_, i) => {
      const packet = Buffer.alloc(32_000);
      packet.writeUInt32LE(i, 0);
      return client.send(packet, i === packets - 1 ? [fd] : []);
    });
    closeSync(fd);
    const order: number[] = [];
    const passed = await new Promise<number[]>((resolve) =>
      served.on('message', (message, fds) => {
        order.push(message.readUInt32LE(0));
        if (fds.length > 0) resolve(fds);
      }),
    );
    await Promise.all(sends);
    expect(order).toEqual(Array.from({ length: packets }, (_, i) => i));
    expect(fstatSync(passed[0]!).ino).toBe(identity);
    closeSync(passed[0]!);
  });

  it('names why it could not connect', () => {
    const path = join(folder, 'nobody.sock');
    expect(() => SeqPacketConnection.connect(path)).toThrow(/ENOENT/);
    writeFileSync(path, '');
    expect(() => SeqPacketConnection.connect(path)).toThrow(SystemCallError);
    expect(() => SeqPacketConnection.connect(path)).toThrow(/ECONNREFUSED/);
  });

  it('replaces a stale socket file and removes its own on close', async () => {
    const path = join(folder, 'stale.sock');
    writeFileSync(path, '');
    const server = SeqPacketServer.listen(path, { mode: 0o666 });
    expect(statSync(path).mode & 0o777).toBe(0o666);
    const accepted = once(server, 'connection') as Promise<[SeqPacketConnection]>;
    const client = SeqPacketConnection.connect(path);
    const [served] = await accepted;
    server.close();
    expect(() => statSync(path)).toThrow(/ENOENT/);
    const answer = nextMessage(client);
    await served.send(Buffer.from('still open'));
    expect((await answer)[0].toString()).toBe('still open');
    client.close();
    await once(served, 'close');
  });
});
