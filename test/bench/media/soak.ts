// Eight hours of calls in virtual time, twice: SRTP both ways, bridged, recorded and sealed, a new call every ten minutes; then calls of
// every kind that SIP and the event socket set up and end on a whole server. Memory must be flat, and nothing left.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type AudioLeg, openAudioLeg } from '../../../src/engine/media-server/audio/leg.ts';
import { Bridge } from '../../../src/engine/media-server/channel/bridge.ts';
import { Channel } from '../../../src/engine/media-server/channel/channel.ts';
import { Channels } from '../../../src/engine/media-server/channel/channels.ts';
import { EventHub } from '../../../src/engine/media-server/host/event-hub.ts';
import type { MediaHost } from '../../../src/engine/media-server/host/host.ts';
import type { MediaPorts, MediaSocket } from '../../../src/engine/runtime/media-socket.ts';
import { masterBytes } from '../../../src/protocol/rtp/srtp-suite.ts';
import type { NegotiatedAudio } from '../../../src/protocol/sdp/audio.ts';
import { CaptureSealer } from '../../../src/seal/capture-sealer.ts';
import type { Capture } from '../../../src/seal/intake-client.ts';
import { sodium } from '../../../src/seal/sodium.ts';
import { leftOfCalls, mediaDay } from '../../soak/media-day.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { mediaHost } from '../../support/media-host.ts';
import { seeded } from '../../support/seeded.ts';
import { say } from '../figures.ts';

const HOURS = 8;
const CALL_TICKS = 10 * 60 * 50;
const CALLS_AN_HOUR = 6;
const TICK_MS = 20;
const HOST = '127.0.0.1';
const SUITE = 'AEAD_AES_256_GCM';
const MAX_GROWTH = 0.05;
const NOTHING_LEFT = '0 calls, ports, conferences, timers';

export async function soakInVirtualTime(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const clock = new ManualClock();
  const counts = { sealed: 0 };
  const host = mediaHost(clock, { spoolFolder: '/spool', intake: { begin: async (id) => capture(id, counts) } });
  const channels = new Channels(clock);
  const heap: number[] = [];
  for (let hour = 1; hour <= HOURS; hour++) {
    for (let call = 0; call < CALLS_AN_HOUR; call++) await talk(host, clock, channels);
    collect();
    heap.push(process.memoryUsage().heapUsed / 1e6);
    say(
      `hour ${hour}: heap, chunks sealed, timers that wait`,
      `${heap.at(-1)?.toFixed(1)} MB, ${counts.sealed}, ${clock.pending}`,
    );
  }
  sayGrowth(heap);
  await soakWholeServer(collect);
}

/** Its worker threads have clocks of their own: `soak-hour` is theirs. */
async function soakWholeServer(collect: () => void): Promise<void> {
  await using day = await mediaDay(seeded(), collect);
  const heap: number[] = [];
  for (let hour = 1; hour <= HOURS; hour++) {
    const end = await day.hour(3600);
    heap.push(end.heapBytes / 1e6);
    const calls = day.server.status().callsSinceStart;
    say(
      `hour ${hour} of a whole server: heap, calls, left over`,
      `${heap.at(-1)?.toFixed(1)} MB, ${calls}, ${leftOfCalls(end) ?? NOTHING_LEFT}`,
    );
  }
  sayGrowth(heap);
}

/** Against the second: in the first hour code is compiled, and caches of sounds and shapes are filled once. */
function sayGrowth(heap: readonly number[]): void {
  const growth = (heap.at(-1) ?? 0) / (heap[1] ?? 1) - 1;
  say('memory, the last hour against the second', `${(100 * growth).toFixed(1)} %`, `<= ${100 * MAX_GROWTH} %`);
}

/** One call of ten minutes between two parties at the far ends of wires that lose nothing. */
async function talk(host: MediaHost, clock: ManualClock, channels: Channels): Promise<void> {
  const hub = new EventHub(host);
  const phones: AudioLeg[] = [];
  const pair: Channel[] = [];
  for (const side of [0, 1]) {
    const [ours, theirs] = wire(10_000 + 4 * side);
    const leg = await openAudioLeg({ ports: ours, clock, random: host.random, nat: 'latch' });
    const phone = await openAudioLeg({ ports: theirs, clock, random: host.random, nat: 'strict' });
    agree(host, leg, phone);
    phones.push(phone);
    pair.push(channelOf(host, hub, channels, leg));
  }
  const [first, second] = pair as [Channel, Channel];
  Bridge.join(first, second);
  first.variables.set('RECORD_STEREO', 'true');
  first.recordings.start(`/spool/${'a'.repeat(26)}.ul`, 0);
  const voice = Int16Array.from({ length: 160 }, (_, i) => 8000 * Math.sin(i));
  for (let tick = 0; tick < CALL_TICKS; tick++) {
    clock.advance(TICK_MS);
    for (const phone of phones) {
      phone.read();
      phone.write(voice);
    }
    channels.tick();
    if (tick % 50 === 0) await new Promise(setImmediate); // what waits for a promise goes on
  }
  for (const channel of pair) channel.hangup('NORMAL_CLEARING');
  for (const phone of phones) phone[Symbol.dispose]();
  await new Promise(setImmediate);
}

function channelOf(host: MediaHost, hub: EventHub, channels: Channels, leg: AudioLeg): Channel {
  const facts = { callerAddress: HOST, destination: 'soak', name: 'soak', codec: 'PCMU' } as const;
  const onEnd = () => channels.remove(channel);
  const channel = new Channel({ host, hub, leg, applications: new Map(), ...facts, sendBye: () => undefined, onEnd });
  channel.progress.answer();
  channels.add(channel);
  return channel;
}

function agree(host: MediaHost, leg: AudioLeg, phone: AudioLeg): void {
  const key = () => ({ master: host.random(masterBytes(SUITE)), mkiBytes: 0 });
  const [local, remote] = [key(), key()];
  const types = { send: 0, receive: 0 };
  const shared = { codec: 'PCMU', payloadTypes: types, telephoneEvent: undefined, direction: 'sendrecv' } as const;
  const toPhone: NegotiatedAudio = { ...shared, remote: phone.local, srtp: { suite: SUITE, local, remote } };
  const toUs: NegotiatedAudio = { ...shared, remote: leg.local, srtp: { suite: SUITE, local: remote, remote: local } };
  leg.configure(toPhone);
  phone.configure(toUs);
}

/** Two ports that hear each other, at once and without loss. */
function wire(port: number): [MediaPorts, MediaPorts] {
  const end = (local: number): MediaSocket => ({
    local: { host: HOST, port: local },
    onPacket: undefined,
    onRtcp: undefined,
    sendErrors: 0,
    send: (packet, length, host) => other.get(local)?.onPacket?.(Buffer.from(packet.subarray(0, length)), host, local),
    sendRtcp: (packet, host) => other.get(local)?.onRtcp?.(Buffer.from(packet), host, local),
    [Symbol.dispose]: () => undefined,
  });
  const [a, b] = [end(port), end(port + 2)];
  const other = new Map([
    [port, b],
    [port + 2, a],
  ]);
  const ports = (socket: MediaSocket): MediaPorts => ({
    open: async () => socket,
    inUse: 1,
    [Symbol.asyncDispose]: async () => undefined,
  });
  return [ports(a), ports(b)];
}

/** Sealed as in earnest; what would go to the vault is counted and let go. */
function capture(artifactId: string, counts: { sealed: number }): Capture {
  const publicKey = Buffer.from(sodium.crypto_box_keypair().publicKey).toString('base64');
  const grant = {
    publicKey,
    epoch: 'soak',
    encoding: 'ulaw-8000',
    channels: 2,
    nextSegment: 0,
    nextSample: 0,
  } as const;
  const sealer = new CaptureSealer(artifactId, grant);
  return {
    artifactId,
    encoding: 'ulaw-8000',
    channels: 2,
    write: (bytes, at) => {
      counts.sealed += sealer.write(bytes, at).length;
    },
    async end() {
      counts.sealed += sealer.end().length;
      sealer[Symbol.dispose]();
    },
    onFailure: () => undefined,
  };
}
