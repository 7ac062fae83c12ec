// Answers one line per connection with its own name, and says how it ended. Started in a pod.
import { createServer, type Server, type Socket } from 'node:net';

/**
 * What SIGTERM does. `drain`: connections are accepted until none has come for a moment, and all are answered. `finish`: the
 * listener is closed at once, what was accepted is answered. `exit`: gone at once.
 */
const [name = '', port = '7000', onTerm = 'drain'] = process.argv.slice(2);
const open = new Set<Socket>();
const QUIET_MS = 500;
let accepted = 0;
let answered = 0;

const server: Server = createServer({ noDelay: true }, (socket) => {
  accepted++;
  open.add(socket);
  socket.on('close', () => open.delete(socket));
  socket.on('error', () => socket.destroy());
  socket.once('data', () => {
    answered++;
    socket.end(`${name}\n`);
  });
});
server.listen({ host: '::', port: Number(port), backlog: 1024 }, () => process.stdout.write('listening\n'));

function finish(): void {
  server.close(() => process.stdout.write(`finished with ${answered} answered\n`, () => process.exit(0)));
}

/** Until everybody knows that this endpoint is going, they come. */
function finishWhenQuiet(before = -1): void {
  if (accepted === before) finish();
  else setTimeout(finishWhenQuiet, QUIET_MS, accepted);
}

process.on('SIGTERM', () => {
  process.stdout.write(`SIGTERM with ${open.size} open, ${answered} answered\n`);
  if (onTerm === 'exit') process.exit(0);
  if (onTerm === 'finish') finish();
  else finishWhenQuiet();
});
