import { createServer, type Server } from 'node:net';
import { SERVER_SETTINGS } from '../settings.js';
import type { HboneSettings } from '../settings.js';
import type { HboneStream } from '../stream.js';
import { SocketLink } from './socket-link.js';
import { StreamWriter } from './stream-writer.js';

const PAGE = Buffer.from('Hello from an HBONE server that here answers plain requests.\n');

/**
 * Cleartext HTTP/2 (prior knowledge) that answers any request with a small page, so that conformance tools which know
 * only GET and POST can test the connection. Test use only: an HBONE server answers 400 to these methods.
 */
export function createPageServer(settings: HboneSettings = SERVER_SETTINGS): Server {
  return createServer({ allowHalfOpen: false }, (socket) => {
    const link = new SocketLink(socket, settings, {
      onData: (stream, _bytes, start, end) => link.connection.consumed(stream, end - start),
      onEnd: (stream) => answer(link, stream),
      onReset: () => undefined,
      onWritable: (stream) => (stream.user as StreamWriter).pump(),
      onGoaway: () => undefined,
    });
  });
}

function answer(link: SocketLink, stream: HboneStream): void {
  link.connection.respond(stream, 200, [['content-length', String(PAGE.length)]]);
  const writer = new StreamWriter(link.connection, stream, PAGE);
  stream.user = writer;
  writer.pump();
}
