// The application behind a benchmark's server, a process of its own on unmodified drachtio-srf: registers (with or without digest) and answers calls.
// Run by sip-edge.ts: `sip-app.ts host port secret digest|open`.
import { randomBytes } from 'node:crypto';
import Srf from 'drachtio-srf';
import { systemClock } from '../../src/kernel/clock.ts';
import type { SrfConnection, SrfRequest, SrfResponse } from '../../src/pbx/leg/srf-types.ts';
import { Authenticator } from '../../src/pbx/registrar/authenticator.ts';
import { hash } from '../../src/pbx/registrar/digest.ts';
import { SDP } from '../support/sip-peer.ts';
import { PASSWORD, phoneName, REALM } from './sip-digest.ts';

const PHONES = 5_000;
const EXPIRES = '3600';

const [host = '', port = '', secret = '', mode = 'open'] = process.argv.slice(2);
const authenticator = new Authenticator({
  clock: systemClock,
  random: randomBytes,
  credentials: () => credentials,
  onRefused() {},
});
const credentials = {
  realm: REALM,
  byUsername: new Map(
    Array.from({ length: mode === 'digest' ? PHONES : 0 }, (_, index) => credentialOf(phoneName(index))),
  ),
};

const srf = new Srf() as unknown as SrfConnection;
srf.connect({ host, port: Number(port), secret, reconnect: { retryMaxDelay: 1_000 } });
srf.on('error', () => {});
srf.on('connect', (error: unknown) => {
  if (!error) process.send?.('connected');
});
srf.use('register', (request, response) => {
  if (mode === 'open' || isAuthentic(request, response)) accept(request, response);
});
srf.use('invite', (request, response) => {
  void srf.createUAS(request, response, { localSdp: SDP }).then(
    (dialog) => dialog.on('destroy', () => {}),
    () => {},
  );
});
process.on('disconnect', () => process.exit(0));

function accept(request: SrfRequest, response: SrfResponse): void {
  response.send(200, { headers: { Contact: `${request.get('Contact')};expires=${EXPIRES}`, Expires: EXPIRES } });
}

function isAuthentic(request: SrfRequest, response: SrfResponse): boolean {
  const verdict = authenticator.judge(request, request.get('Authorization'));
  if (verdict.is === 'authentic') return true;
  if (verdict.is !== 'challenged') response.send(403);
  else {
    const [challenge = ''] = authenticator.challenges(verdict.isStale, ['SHA-256']);
    response.send(401, { headers: { 'WWW-Authenticate': challenge } });
  }
  return false;
}

function credentialOf(username: string) {
  const text = `${username}:${REALM}:${PASSWORD}`;
  return [username, { username, ha1Sha256: hash('SHA-256', text), ha1Md5: hash('MD5', text) }] as const;
}
