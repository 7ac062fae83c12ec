// Answers one line per connection with its own name, and says how it ended. Started in a pod.
import { createServer, type Server, type Socket } from 'node:net';

/** `finish`: on SIGTERM no new connections, those that were accepted are answered. `exit`: gone at once. */
const [name = '', port = '7000', onTerm = 'finish'] = process.argv.slice(2);
const open = new Set<Socket>();
let answered = 0;

const server: Server = createServer({ noDelay: true }, (socket) => {
  open.add(socket);
  socket.on('close', () => open.delete(socket));
  socket.on('error', () => socket.destroy());
  socket.once('data', () => {
    answered++;
    socket.end(`${name}\n`);
  });
});
server.listen({ host: '::', port: Number(port), backlog: 1024 }, () => process.stdout.write('listening\n'));

process.on('SIGTERM', () => {
  process.stdout.write(`SIGTERM with ${open.size} open, ${answered} answered\n`);
  if (onTerm === 'exit') process.exit(0);
  server.close(() => process.stdout.write(`finished with ${answered} answered\n`, () => process.exit(0)));
});
