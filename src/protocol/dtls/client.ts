// The client's half of the DTLS 1.2 handshake (RFC 5246 §7.3, RFC 6347 §4.2.1): each message that may come, and what is said to it.
import type { HandshakeCore, HandshakeTable, Outgoing, Reply } from './handshake.ts';
import { Alert } from './handshake.ts';
import type { HandshakeMessage } from './inbox.ts';
import {
  formatCertificate,
  formatClientHello,
  formatClientKeyExchange,
  formatSigned,
  HandshakeType,
  parseCertificate,
  parseCertificateRequest,
  parseCookie,
  parseServerHello,
  parseServerKeyExchange,
  RANDOM_BYTES,
} from './messages.ts';
import { OWN_SCHEME, profilesOf, suiteOfProfile, TLS_SUITES } from './suites.ts';

export const clientTable: HandshakeTable = {
  hello: { [HandshakeType.serverHello]: onServerHello, [HandshakeType.helloVerifyRequest]: onHelloVerifyRequest },
  'hello-again': { [HandshakeType.serverHello]: onServerHello },
  certificate: { [HandshakeType.certificate]: onCertificate },
  key: { [HandshakeType.serverKeyExchange]: onServerKeyExchange },
  done: {
    [HandshakeType.certificateRequest]: onCertificateRequest,
    [HandshakeType.serverHelloDone]: onServerHelloDone,
  },
  finished: { [HandshakeType.finished]: onFinished },
};

export function sayClientHello(core: HandshakeCore): Outgoing[] {
  core.clientRandom = Buffer.from(core.options.random(RANDOM_BYTES));
  return [hello(core, Buffer.alloc(0))];
}

function hello(core: HandshakeCore, cookie: Buffer): Outgoing {
  const suites = TLS_SUITES.map(({ id }) => id);
  const body = formatClientHello(core.clientRandom, cookie, suites, profilesOf(core.options.suites));
  return core.say(HandshakeType.clientHello, body);
}

function onHelloVerifyRequest(core: HandshakeCore, message: HandshakeMessage): Reply {
  const cookie = parseCookie(message.body);
  if (cookie === undefined) return Alert.decodeError;
  core.forget();
  core.state = 'hello-again';
  return [hello(core, cookie)];
}

function onServerHello(core: HandshakeCore, message: HandshakeMessage): Reply {
  const answer = parseServerHello(message.body);
  if (answer === undefined) return Alert.decodeError;
  const suite = TLS_SUITES.find(({ id }) => id === answer.suites[0]);
  const [profile = 0, ...more] = answer.srtpProfiles;
  const srtpSuite = suiteOfProfile(profile, core.options.suites);
  if (suite === undefined || srtpSuite === undefined || more.length > 0) return Alert.illegalParameter;
  if (!answer.hasExtendedMasterSecret) return Alert.handshakeFailure;
  core.note(message);
  core.suite = suite;
  core.srtpSuite = srtpSuite;
  core.serverRandom = Buffer.from(answer.random);
  core.state = 'certificate';
  return [];
}

function onCertificate(core: HandshakeCore, message: HandshakeMessage): Reply {
  const der = parseCertificate(message.body);
  if (der === undefined || !core.takesCertificate(der)) return Alert.badCertificate;
  if (core.peerKey?.asymmetricKeyType !== core.suite?.keyType) return Alert.badCertificate;
  core.note(message);
  core.state = 'key';
  return [];
}

function onServerKeyExchange(core: HandshakeCore, message: HandshakeMessage): Reply {
  const exchange = parseServerKeyExchange(message.body);
  if (exchange === undefined) return Alert.decodeError;
  const signed = Buffer.concat([core.clientRandom, core.serverRandom, exchange.parameters]);
  if (!core.isSigned(signed, exchange)) return Alert.decryptError;
  core.note(message);
  core.serverPoint = exchange.point;
  core.state = 'done';
  return [];
}

function onCertificateRequest(core: HandshakeCore, message: HandshakeMessage): Reply {
  const schemes = parseCertificateRequest(message.body);
  if (schemes === undefined) return Alert.decodeError;
  if (core.isAsked) return Alert.unexpectedMessage;
  if (!schemes.includes(OWN_SCHEME)) return Alert.handshakeFailure;
  core.note(message);
  core.isAsked = true;
  return [];
}

function onServerHelloDone(core: HandshakeCore, message: HandshakeMessage): Reply {
  if (message.body.length > 0) return Alert.decodeError;
  core.note(message);
  const { certificate } = core.options.identity;
  const said = core.isAsked ? [core.say(HandshakeType.certificate, formatCertificate(certificate))] : [];
  said.push(core.say(HandshakeType.clientKeyExchange, formatClientKeyExchange(core.point)));
  if (core.serverPoint === undefined || !core.derive(core.serverPoint)) return Alert.illegalParameter;
  if (core.isAsked) {
    said.push(core.say(HandshakeType.certificateVerify, formatSigned(core.sign(core.transcript))));
  }
  core.state = 'finished';
  return [...said, ...core.sayFinished()];
}

function onFinished(core: HandshakeCore, message: HandshakeMessage): Reply {
  if (!core.isFinished(message)) return Alert.decryptError;
  core.note(message);
  core.state = 'connected';
  return [];
}
