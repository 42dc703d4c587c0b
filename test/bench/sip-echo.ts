// A bare UDP socket that answers every request 200: what a delay is on this machine, at this moment, without any server's work.
import { createSocket } from 'node:dgram';

const socket = createSocket('udp4');
socket.on('message', (bytes, { port, address }) => {
  const text = bytes.toString('latin1');
  socket.send(Buffer.from(`SIP/2.0 200 OK${text.slice(text.indexOf('\r\n'))}`, 'latin1'), port, address);
});
socket.bind(0, '127.0.0.1', () => process.send?.(socket.address().port));
process.on('disconnect', () => process.exit(0));
