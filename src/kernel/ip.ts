// Whether a text is an IP address: Node's own parser, which opens no socket.
export { isIP } from 'node:net';
