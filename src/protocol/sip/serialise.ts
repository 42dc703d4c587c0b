// SIP messages to bytes (RFC 3261 §7): headers as they were written, Content-Length always true.
import { Buffer } from 'node:buffer';
import { isContentLength, type SipHeaders, type SipMessage } from './message.ts';

/** The message on the wire. A Content-Length that is missing or wrong is set to the body's length. */
export function serialise(message: SipMessage): Buffer {
  const head = `${formatStartLine(message)}\r\n${formatHeaders(message.headers, message.body.length)}\r\n`;
  if (message.body.length === 0) return Buffer.from(head, 'utf8');
  return Buffer.concat([Buffer.from(head, 'utf8'), message.body]);
}

function formatStartLine(message: SipMessage): string {
  return message.kind === 'request'
    ? `${message.method} ${message.uri} SIP/2.0`
    : `SIP/2.0 ${message.status} ${message.reason}`;
}

function formatHeaders(headers: SipHeaders, bodyLength: number): string {
  let text = '';
  let hasLength = false;
  for (const { name, value, line } of headers) {
    if (!isContentLength(name)) text += line === undefined ? `${name}: ${value}\r\n` : `${line}\r\n`;
    else if (!hasLength) {
      hasLength = true;
      const isTrue = /^\d+$/.test(value) && Number(value) === bodyLength;
      text += isTrue && line !== undefined ? `${line}\r\n` : `${name}: ${isTrue ? value : bodyLength}\r\n`;
    }
  }
  return hasLength ? text : `${text}Content-Length: ${bodyLength}\r\n`;
}
