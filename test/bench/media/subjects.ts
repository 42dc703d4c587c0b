// What is measured: Wardline's media and vault processes, a FreeSWITCH that was named, and the bare relay; each makes the same recorded two-leg SRTP call.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LinkClient } from '../../../src/ipc/client.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { masterBytes, type SrtpSuite } from '../../../src/protocol/rtp/srtp-suite.ts';
import { type AudioNegotiation, createAudioNegotiation } from '../../../src/protocol/sdp/negotiation.ts';
import type { Vault } from '../../../src/vault/contract.ts';
import { type FsmrfEndpoint, type FsmrfMediaServer, Mrf } from '../../support/media-bench.ts';
import { FacadeSrf } from '../../support/media-facade.ts';
import type { NamedServer } from '../../support/named-server.ts';
import { makeVault, newFolders, voicemailHeader } from '../../support/vault-bench.ts';
import { MEDIA_TOKEN, spawnVault } from '../../support/vault-process.ts';
import type { Party } from './generator.ts';
import type { RelayCall } from './relay.ts';

export const HOST = '127.0.0.1';
/** What both servers choose from our offer. */
const SUITE: SrtpSuite = 'AEAD_AES_256_GCM';
/** Milliseconds that a busy machine may take to start the processes. */
const START_MS = 60_000;
const RAM = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** The generator's socket that a leg speaks from. */
export interface From {
  readonly socket: number;
  readonly port: number;
}

export interface Subject extends AsyncDisposable {
  readonly name: string;
  readonly pids: readonly number[];
  /** A bridged call of two SRTP legs, recorded in stereo; what the generator needs to play both parties. */
  call(a: From, b: From): Promise<[Party, Party]>;
}

export interface MediaSubject extends Subject {
  readonly ms: FsmrfMediaServer;
  /** One leg that plays nothing. */
  endpoint(negotiation: AudioNegotiation): Promise<FsmrfEndpoint>;
  endCalls(): Promise<void>;
}

export function negotiationFor(port: number): AudioNegotiation {
  return createAudioNegotiation({
    local: { host: HOST, port },
    sessionId: 1,
    secure: 'required',
    random: randomBytes,
  });
}

export async function openRelay(): Promise<Subject> {
  const child = fork(join(import.meta.dirname, 'relay.ts'), { serialization: 'advanced' });
  const key = () => new Uint8Array(randomBytes(masterBytes(SUITE)));
  return {
    name: 'bare relay',
    pids: [child.pid ?? 0],
    async call(a, b) {
      const sides = [a, b].map(({ port }) => ({ port, suite: SUITE, receive: key(), send: key() }));
      child.send(sides as unknown as RelayCall);
      const [ports] = (await once(child, 'message')) as [number[]];
      const party = (i: 0 | 1, { socket }: From): Party => {
        const side = sides[i]!;
        return { socket, host: HOST, port: ports[i] ?? 0, suite: SUITE, send: side.receive, receive: side.send };
      };
      return [party(0, a), party(1, b)];
    },
    async [Symbol.asyncDispose]() {
      await ended(child);
    },
  };
}

/** The media process beside a vault of its own. `cores`: what both are pinned to, as taskset lists them. */
export async function openWardline({
  cores,
  workers,
}: {
  cores?: string;
  workers?: number;
} = {}): Promise<MediaSubject> {
  const folders = newFolders(RAM);
  await makeVault(folders);
  const vault = spawnVault(folders);
  const runtimeFolder = mkdtempSync(join(RAM, 'media-bench-'));
  const entry = join(import.meta.dirname, '../../../src/process/media.ts');
  const pinned = cores === undefined ? [process.execPath] : ['taskset', '-c', cores, process.execPath];
  const [program = '', ...before] = pinned;
  const child = spawn(program, [...before, ...flags(), entry], { stdio: ['pipe', 'ignore', 'inherit'] });
  if (cores !== undefined) await once(spawn('taskset', ['-acp', cores, String(vault.child.pid)]), 'close');
  const boot = mediaBoot(runtimeFolder, folders.spoolFolder, vault.socket, workers);
  child.stdin?.write(`${JSON.stringify(boot)}\n`);
  const socketPath = join(runtimeFolder, 'media.sock');
  const link = new LinkClient({ path: socketPath, role: 'main', token: 'token', clock: systemClock });
  const { payload } = await link.request('status', null, undefined, START_MS);
  const { eventSocket } = payload as unknown as { eventSocket: { port: number } };
  const records = vault.connect();
  const subject = await openMedia('wardline', { host: HOST, port: eventSocket.port, secret: 'secret' }, async () =>
    join(folders.spoolFolder, `${await openArtifact(records)}.ul`),
  );
  return {
    ...subject,
    pids: [child.pid ?? 0, vault.child.pid ?? 0],
    async [Symbol.asyncDispose]() {
      await subject[Symbol.asyncDispose]();
      link[Symbol.dispose]();
      records[Symbol.dispose]();
      child.stdin?.end();
      await once(child, 'exit');
      vault.child.stdin?.end();
      await vault.exited;
      rmSync(runtimeFolder, { recursive: true, force: true });
      folders[Symbol.dispose]();
    },
  };
}

/** `WARDLINE_BENCH_FLAGS=--cpu-prof`, for who looks where the time goes. */
function flags(): string[] {
  return (process.env.WARDLINE_BENCH_FLAGS ?? '').split(' ').filter((flag) => flag !== '');
}

function mediaBoot(runtimeFolder: string, spoolFolder: string, sealSocket: string, workers: number | undefined) {
  const any = { host: HOST, port: 0 };
  return {
    ...{ runtimeFolder, spoolFolder, sealSocket, workers },
    tokens: { main: 'token' },
    logLevel: 'error',
    eventSocket: any,
    eventSocketSecret: 'secret',
    sip: any,
    rtpHost: HOST,
    rtpPorts: { first: 0, last: 0 },
    soundsFolder: runtimeFolder,
    sealToken: MEDIA_TOKEN,
  };
}

async function openArtifact(records: Vault): Promise<string> {
  const header = voicemailHeader({ kind: 'recording', channels: 2, mailbox: '' });
  return (await records.ask('artifact.open', { header })).artifactId;
}

/** One that runs already, with its recordings on RAM. */
export async function openNamed(server: NamedServer): Promise<MediaSubject> {
  const folder = join(RAM, `bench-recordings-${process.pid}`);
  mkdirSync(folder);
  let made = 0;
  const subject = await openMedia('FreeSWITCH', server, async () => join(folder, `${made++}.wav`));
  return {
    ...subject,
    pids: [listenerAt(server.port)],
    async [Symbol.asyncDispose]() {
      await subject[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openMedia(name: string, server: NamedServer, newPath: () => Promise<string>) {
  const srf = await FacadeSrf.open();
  const ms = await new Mrf(srf).connect({
    address: server.host,
    port: server.port,
    secret: server.secret,
    listenAddress: HOST,
  });
  const endpoints: FsmrfEndpoint[] = [];
  const endpoint = async (negotiation: AudioNegotiation) => {
    const made = await ms.createEndpoint({ remoteSdp: negotiation.makeOffer().replace('RTP/SAVP', 'RTP/xAVP') });
    // As our own call control does: the library writes a command line by line, and Nagle's algorithm holds all but the first back.
    made.conn.socket.setNoDelay(true);
    endpoints.push(made);
    return made;
  };
  return {
    name,
    ms,
    endpoint,
    async call(a: From, b: From): Promise<[Party, Party]> {
      const negotiations = [negotiationFor(a.port), negotiationFor(b.port)] as const;
      const [first, second] = await Promise.all([endpoint(negotiations[0]), endpoint(negotiations[1])]);
      await first.bridge(second);
      await first.set('RECORD_STEREO', 'true');
      await first.execute('record_session', await newPath());
      return [partyOf(negotiations[0], first, a), partyOf(negotiations[1], second, b)];
    },
    async endCalls() {
      const ending = endpoints.splice(0);
      await Promise.all(ending.map((each) => each.destroy().catch(() => undefined)));
    },
    async [Symbol.asyncDispose]() {
      const ending = endpoints.splice(0);
      await Promise.all(ending.map((each) => each.destroy().catch(() => undefined)));
      ms.disconnect();
      await srf[Symbol.asyncDispose]();
    },
  };
}

export function partyOf(negotiation: AudioNegotiation, endpoint: FsmrfEndpoint, { socket }: { socket: number }): Party {
  const agreed = negotiation.acceptAnswer(endpoint.local.sdp);
  if ('refused' in agreed) throw new Error(`the answer was refused: ${agreed.refused}`);
  const { remote, srtp } = agreed.audio;
  if (remote === undefined || srtp === undefined) throw new Error('the answer has no SRTP');
  const { suite, local, remote: theirs } = srtp;
  return { socket, host: remote.host, port: remote.port, suite, send: local.master, receive: theirs.master };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.connected) child.disconnect();
  if (child.exitCode === null) await once(child, 'exit');
}

/** The process that listens at a TCP port, by /proc. */
function listenerAt(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .find((each) => new RegExp(`:${hex} 00000000:0000 0A`).test(each));
  const inode = line?.trim().split(/\s+/)[9];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const held = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      if (held.includes(`socket:[${inode}]`)) return Number(pid);
    } catch {
      // It is not ours to look into, or it has ended.
    }
  }
  throw new Error(`nobody is seen to listen at port ${port}; run as its user`);
}
