// A leg against a WebRTC stack that nobody here wrote, werift: whoever offers, tones are heard both ways, by AEAD_AES_128_GCM.
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import t from 'tap';
import { MediaStreamTrack, RTCPeerConnection, usePCMU } from 'werift';
import type { AudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { openAudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { pcmu } from '../../src/kernel/g711.ts';
import { writeRtpHeader } from '../../src/protocol/rtp/packet.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import type { NegotiatedAudio } from '../../src/protocol/sdp/audio.ts';
import { DEFAULT_POLICY } from '../../src/protocol/sdp/key-policy.ts';
import type { AudioNegotiation, Negotiated } from '../../src/protocol/sdp/negotiation.ts';
import { createAudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';
import { ALICE } from '../support/dtls-pair.ts';
import { dominantFrequency } from '../support/listen.ts';
import { steadyTone } from '../support/tone-level.ts';

const HOST = '127.0.0.1';
const TICK_SAMPLES = 160;
const HEADER_BYTES = 12;
const DEADLINE_TICKS = 2_000;
const HEARD_TICKS = 15;
const [OUR_HZ, THEIR_HZ] = [440, 1000];

/** The other side: says a tone, keeps what it hears. */
class Peer {
  readonly connection: RTCPeerConnection;
  readonly #track = new MediaStreamTrack({ kind: 'audio' });
  readonly #tone = new ToneGenerator(steadyTone([THEIR_HZ], -20));
  #said = 0;
  #heard: Int16Array[] = [];

  constructor() {
    // Nothing but loopback: no server is asked for an address.
    const ice = { iceServers: [], iceAdditionalHostAddresses: [HOST], iceUseIpv6: false };
    this.connection = new RTCPeerConnection({ ...ice, codecs: { audio: [usePCMU()] } });
  }

  /** Before an offer of its own. */
  start(): void {
    this.connection.addTransceiver(this.#track, { direction: 'sendrecv' });
  }

  /** The transceiver that an offer of ours made. */
  take(): void {
    this.connection.addTrack(this.#track);
  }

  /** Whatever comes decrypted: its own router wants SSRCs announced, which browsers do not. */
  listen(): void {
    this.connection.dtlsTransports[0]?.onRtp.subscribe(({ payload }) => {
      const samples = new Int16Array(payload.length);
      pcmu.decode(payload, 0, payload.length, samples, 0);
      this.#heard.push(samples);
    });
  }

  say(): void {
    const samples = new Int16Array(TICK_SAMPLES);
    this.#tone.read(samples);
    const packet = Buffer.alloc(HEADER_BYTES + TICK_SAMPLES);
    writeRtpHeader(packet, this.#said === 0, 0, this.#said & 0xffff, this.#said * TICK_SAMPLES, 0x5eed);
    pcmu.encode(samples, TICK_SAMPLES, packet, HEADER_BYTES);
    this.#said++;
    this.#track.writeRtp(packet);
  }

  get hears(): number | undefined {
    return frequency(this.#heard);
  }
}

function frequency(frames: Int16Array[]): number | undefined {
  frames.splice(0, frames.length - HEARD_TICKS);
  return frames.length < HEARD_TICKS
    ? undefined
    : dominantFrequency(Int16Array.from(frames.flatMap((each) => [...each])), 8000);
}

async function ourSide(t: Test): Promise<{ leg: AudioLeg; negotiation: AudioNegotiation }> {
  const ports = createMediaPorts({ address: HOST, first: 0, last: 0, clock: systemClock });
  t.teardown(() => ports[Symbol.asyncDispose]());
  const leg = await openAudioLeg({ ports, clock: systemClock, random: randomBytes, nat: 'latch' });
  const options = { local: leg.local, sessionId: 1, secure: 'required', random: randomBytes, identity: ALICE } as const;
  const negotiation = createAudioNegotiation(options);
  negotiation.policy = { ...DEFAULT_POLICY, suites: ['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM'] };
  return { leg, negotiation };
}

function agreed(result: Negotiated): { sdp: string; audio: NegotiatedAudio } {
  if ('refused' in result) throw new Error(result.refused);
  return result;
}

async function gathered(peer: RTCPeerConnection): Promise<string> {
  for (let tries = 0; peer.iceGatheringState !== 'complete' && tries < 500; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return peer.localDescription?.sdp ?? '';
}

/** Talks until both hear the other's tone, or the deadline. */
async function converse(t: Test, leg: AudioLeg, peer: Peer): Promise<void> {
  const tone = new ToneGenerator(steadyTone([OUR_HZ], -20));
  const frame = new Int16Array(TICK_SAMPLES);
  const heard: Int16Array[] = [];
  const near = (hz: number | undefined, wanted: number) => hz !== undefined && Math.abs(hz - wanted) < 5;
  let [ours, theirs]: (number | undefined)[] = [];
  for (let tick = 0; tick < DEADLINE_TICKS && !(near(ours, THEIR_HZ) && near(theirs, OUR_HZ)); tick++) {
    heard.push(leg.read().slice());
    tone.read(frame);
    leg.write(frame);
    peer.say();
    if (tick % 10 === 9) [ours, theirs] = [frequency(heard), peer.hears];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.ok(near(ours, THEIR_HZ), `we hear ${ours} Hz`);
  t.ok(near(theirs, OUR_HZ), `they hear ${theirs} Hz`);
}

t.test('they offer, we answer', { timeout: 100_000 }, async (t) => {
  const [peer, { leg, negotiation }] = [new Peer(), await ourSide(t)];
  t.teardown(() => peer.connection.close());
  peer.start();
  await peer.connection.setLocalDescription(await peer.connection.createOffer());
  const { sdp, audio } = agreed(negotiation.answerOffer(await gathered(peer.connection)));
  leg.configure(audio);
  await peer.connection.setRemoteDescription({ type: 'answer', sdp });
  peer.listen();
  await converse(t, leg, peer);
});

t.test('we offer, they answer', { timeout: 100_000 }, async (t) => {
  const [peer, { leg, negotiation }] = [new Peer(), await ourSide(t)];
  t.teardown(() => peer.connection.close());
  await peer.connection.setRemoteDescription({ type: 'offer', sdp: negotiation.makeOffer({ isWebRtc: true }) });
  peer.take();
  await peer.connection.setLocalDescription(await peer.connection.createAnswer());
  leg.configure(agreed(negotiation.acceptAnswer(await gathered(peer.connection))).audio);
  peer.listen();
  await converse(t, leg, peer);
});
