// Whether a text is an IP address: Node's own parser, which opens no socket.
export { isIP, isIPv4 } from 'node:net';
