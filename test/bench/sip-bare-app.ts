// An application that does nothing but answer REGISTERs 200, frame by frame, without drachtio-srf: so that a delay is the server's own.
// Run by sip-edge.ts: `sip-bare-app.ts host port secret`.
import { connect } from 'node:net';
import { encodeFrame, FrameReader } from '../../src/protocol/drachtio-wire/frame.ts';

const [host = '', port = '', secret = ''] = process.argv.slice(2);
const socket = connect(Number(port), host);
const reader = new FrameReader();
socket.setNoDelay(true);
socket.write(Buffer.concat([encodeFrame(`a|authenticate|${secret}|`), encodeFrame('r|route|register')]));
socket.on('data', (chunk: Buffer) => {
  for (const payload of reader.push(chunk).payloads) {
    const [id = '', type, source, ...fields] = payload
      .toString('latin1', 0, Math.max(0, payload.indexOf('\r\n')))
      .split('|');
    if (type === 'sip' && source === 'network') socket.write(encodeFrame(`m${id}|sip|${fields[5]}|`, OK));
  }
});
socket.on('error', () => {});
const OK = Buffer.from('SIP/2.0 200 OK\r\ncseq: 1 REGISTER\r\nexpires: 3600\r\n\r\n');
process.on('disconnect', () => process.exit(0));
setTimeout(() => process.send?.('connected'), 500);
