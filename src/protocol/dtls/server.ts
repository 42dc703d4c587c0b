// The server's half of the DTLS 1.2 handshake (RFC 5246 §7.3, RFC 5764 §4.1): each message that may come, and what is said to it.
// No HelloVerifyRequest: ICE has shown already that the peer gets what is sent to its address (RFC 8827 §6.5 asks for none).
import type { HandshakeCore, HandshakeTable, Reply } from './handshake.ts';
import { Alert } from './handshake.ts';
import type { HandshakeMessage } from './inbox.ts';
import {
  formatCertificate,
  formatCertificateRequest,
  formatKeyParameters,
  formatServerHello,
  formatSigned,
  HandshakeType,
  parseCertificate,
  parseCertificateVerify,
  parseClientHello,
  parseClientKeyExchange,
  RANDOM_BYTES,
} from './messages.ts';
import { OWN_SCHEME, profilesOf, SECP256R1, suiteOfProfile, TLS_SUITES } from './suites.ts';

export const serverTable: HandshakeTable = {
  hello: { [HandshakeType.clientHello]: onClientHello },
  certificate: { [HandshakeType.certificate]: onCertificate },
  key: { [HandshakeType.clientKeyExchange]: onClientKeyExchange },
  proof: { [HandshakeType.certificateVerify]: onCertificateVerify },
  finished: { [HandshakeType.finished]: onFinished },
};

function onClientHello(core: HandshakeCore, message: HandshakeMessage): Reply {
  const hello = parseClientHello(message.body);
  if (hello === undefined) return Alert.decodeError;
  const { suites, identity, random } = core.options;
  const profile = profilesOf(suites).find((ours) => hello.srtpProfiles.includes(ours));
  const suite = TLS_SUITES.find(({ id, keyType }) => keyType === 'ec' && hello.suites.includes(id));
  const canSign = hello.signatures.includes(OWN_SCHEME) && hello.groups.includes(SECP256R1);
  if (profile === undefined || suite === undefined || !canSign || !hello.hasExtendedMasterSecret) {
    return Alert.handshakeFailure;
  }
  core.note(message);
  core.suite = suite;
  core.srtpSuite = suiteOfProfile(profile, suites);
  core.clientRandom = Buffer.from(hello.random);
  core.serverRandom = Buffer.from(random(RANDOM_BYTES));
  core.state = 'certificate';
  const parameters = formatKeyParameters(core.point);
  const signed = core.sign(Buffer.concat([core.clientRandom, core.serverRandom, parameters]));
  return [
    core.say(HandshakeType.serverHello, formatServerHello(core.serverRandom, suite.id, profile)),
    core.say(HandshakeType.certificate, formatCertificate(identity.certificate)),
    core.say(HandshakeType.serverKeyExchange, Buffer.concat([parameters, formatSigned(signed)])),
    core.say(HandshakeType.certificateRequest, formatCertificateRequest()),
    core.say(HandshakeType.serverHelloDone, Buffer.alloc(0)),
  ];
}

function onCertificate(core: HandshakeCore, message: HandshakeMessage): Reply {
  const der = parseCertificate(message.body);
  if (der === undefined || !core.takesCertificate(der)) return Alert.badCertificate;
  core.note(message);
  core.state = 'key';
  return [];
}

function onClientKeyExchange(core: HandshakeCore, message: HandshakeMessage): Reply {
  const point = parseClientKeyExchange(message.body);
  if (point === undefined) return Alert.decodeError;
  core.note(message);
  core.state = 'proof';
  return core.derive(point) ? [] : Alert.illegalParameter;
}

/** RFC 5246 §7.4.8: the signature is over everything before this message. */
function onCertificateVerify(core: HandshakeCore, message: HandshakeMessage): Reply {
  const signed = parseCertificateVerify(message.body);
  if (signed === undefined) return Alert.decodeError;
  if (!core.isSigned(core.transcript, signed)) return Alert.decryptError;
  core.note(message);
  core.state = 'finished';
  return [];
}

function onFinished(core: HandshakeCore, message: HandshakeMessage): Reply {
  if (!core.isFinished(message)) return Alert.decryptError;
  core.note(message);
  core.state = 'connected';
  return core.sayFinished();
}
