// An HTTP server that answers with its name and what it was asked. Started in a pod.
//
// `/status/503` answers with that status, `/fail/2/<key>` with 503 the first two times that it is asked for the key, `/file/...`
// with the text of the environment variable ECHO_FILE, `/delay/500` after so many milliseconds.
import { createServer } from 'node:http';

const [name = '', port = '8080'] = process.argv.slice(2);
const asked = new Map<string, number>();

const server = createServer((request, response) => {
  const path = request.url ?? '/';
  request.resume();
  request.on('end', () => {
    response.setHeader('x-server', name);
    if (path.startsWith('/file/')) {
      response.end(process.env['ECHO_FILE'] ?? '');
      return;
    }
    response.statusCode = statusOf(path);
    response.setHeader('content-type', 'application/json');
    const body = JSON.stringify({ name, method: request.method, path, headers: request.headers });
    setTimeout(() => response.end(body), Number(/^\/delay\/(\d{1,4})/.exec(path)?.[1] ?? 0));
  });
});
server.keepAliveTimeout = 60_000;
server.listen({ host: '::', port: Number(port), backlog: 1024 }, () => process.stdout.write('listening\n'));
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

function statusOf(path: string): number {
  const status = /^\/status\/(\d{3})/.exec(path)?.[1];
  if (status !== undefined) return Number(status);
  const fail = /^\/fail\/(\d+)\//.exec(path)?.[1];
  if (fail === undefined) return 200;
  const times = (asked.get(path) ?? 0) + 1;
  asked.set(path, times);
  return times <= Number(fail) ? 503 : 200;
}
