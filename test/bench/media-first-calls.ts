// How late the beat is while a fresh media process takes its first calls, ten at once, and then further tens. `node test/bench/media-first-calls.ts`
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LinkClient } from '../../src/ipc/client.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { FarPhone, Mrf } from '../support/media-bench.ts';
import { FacadeSrf } from '../support/media-facade.ts';

const HOST = '127.0.0.1';
const ROUNDS = 4;
const AT_ONCE = 10;

const runtimeFolder = mkdtempSync(join(tmpdir(), 'media-first-'));
const startedAt = performance.now();
const entry = join(import.meta.dirname, '../../src/process/media.ts');
const child = spawn(process.execPath, [entry], { stdio: ['pipe', 'ignore', 'inherit'] });
child.stdin.write(
  `${JSON.stringify({
    runtimeFolder,
    tokens: { main: 'token' },
    logLevel: 'error',
    eventSocket: { host: HOST, port: 0 },
    eventSocketSecret: 'secret',
    sip: { host: HOST, port: 0 },
    rtpHost: HOST,
    rtpPorts: { first: 0, last: 0 },
    soundsFolder: runtimeFolder,
    spoolFolder: join(runtimeFolder, 'spool'),
    sealSocket: join(runtimeFolder, 'vault.sock'),
    sealToken: 'token',
  })}\n`,
);
const path = join(runtimeFolder, 'media.sock');
const link = new LinkClient({ path, role: 'main', token: 'token', clock: systemClock });
interface Status {
  readonly eventSocket: { readonly port: number };
  readonly worstTickDelayMs: number;
}
const status = async () => (await link.request('status')).payload as unknown as Status;

const { port } = (await status()).eventSocket;
console.log(`ready after ${Math.round(performance.now() - startedAt)} ms`);
const srf = await FacadeSrf.open();
const ms = await new Mrf(srf).connect({ address: HOST, port, secret: 'secret', listenAddress: HOST });

async function call(): Promise<void> {
  const phone = await FarPhone.open('required');
  const endpoint = await ms.createEndpoint({ remoteSdp: phone.offer().replace('RTP/SAVP', 'RTP/xAVP') });
  phone.accept(endpoint.local.sdp);
  phone.say(440);
}

await status();
for (let round = 1; round <= ROUNDS; round++) {
  const began = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, call));
  const took = Math.round(performance.now() - began);
  await delay(200);
  const { worstTickDelayMs } = await status();
  console.log(
    `${AT_ONCE} calls at once, round ${round}: set up in ${took} ms, the latest beat ${worstTickDelayMs} ms late`,
  );
}
child.stdin.end();
rmSync(runtimeFolder, { recursive: true, force: true });
process.exit(0);
