// Echoes what it gets. Started in a pod of the bench cluster.
import { createServer } from 'node:net';

const port = Number(process.argv[2] ?? '7000');
createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
}).listen({ host: '0.0.0.0', port, backlog: 4096 });
