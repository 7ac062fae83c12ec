// Answers each request with as many bytes as it had. Started in a pod of the bench cluster.
import { createServer } from 'node:http';

const port = Number(process.argv[2] ?? '8080');
const server = createServer({ noDelay: true }, (request, response) => {
  const length = Number(request.headers['content-length'] ?? 0);
  request.resume();
  request.on('end', () => response.end(Buffer.alloc(length, 0x77)));
});
server.keepAliveTimeout = 0;
server.listen({ host: '0.0.0.0', port, backlog: 4096 });
