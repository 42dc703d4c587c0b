// How many calls one media process carries: bridged and recorded pairs of phones, its CPU read from /proc. `node test/bench/media-calls.ts [pairs] [secure]`
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LinkClient } from '../../src/ipc/client.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { FarPhone, Mrf } from '../support/media-bench.ts';
import { FacadeSrf } from '../support/media-facade.ts';

const pairs = Number(process.argv[2] ?? 20);
const secure = process.argv[3] === 'secure' ? 'required' : 'forbidden';
const MEASURE_MS = 5_000;
const HOST = '127.0.0.1';
const TICKS_A_SECOND = 100; // CLK_TCK on Linux

const runtimeFolder = mkdtempSync(join(tmpdir(), 'media-bench-'));
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
const link = new LinkClient({
  path: join(runtimeFolder, 'media.sock'),
  role: 'main',
  token: 'token',
  clock: systemClock,
});
interface Status {
  readonly eventSocket: { readonly port: number };
  readonly calls: number;
  readonly skippedTicks: number;
  readonly worstTickDelayMs: number;
}
const status = async () => (await link.request('status')).payload as unknown as Status;

const { port } = (await status()).eventSocket;
const srf = await FacadeSrf.open();
const ms = await new Mrf(srf).connect({ address: HOST, port, secret: 'secret', listenAddress: HOST });

async function call() {
  const phone = await FarPhone.open(secure);
  const endpoint = await ms.createEndpoint({ remoteSdp: phone.offer().replace('RTP/SAVP', 'RTP/xAVP') });
  phone.accept(endpoint.local.sdp);
  phone.say(440);
  return { phone, endpoint };
}

for (let i = 0; i < pairs; i++) {
  const [a, b] = [await call(), await call()];
  await a.endpoint.bridge(b.endpoint);
  await a.endpoint.set('RECORD_STEREO', 'true');
  await a.endpoint.execute('record_session', join(runtimeFolder, `${i}.ul`));
}

/** CPU seconds of the media process so far: fields 14 and 15 of its stat. */
function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

await status();
const before = cpuSeconds();
await delay(MEASURE_MS);
const share = (cpuSeconds() - before) / (MEASURE_MS / 1000);
const { calls, skippedTicks, worstTickDelayMs } = await status();
console.log(
  `${calls} ${secure === 'required' ? 'SRTP' : 'RTP'} legs, bridged, every pair recorded in stereo: ` +
    `${(share * 100).toFixed(1)} % of a core, about ${Math.floor(calls / share)} legs a core; ` +
    `${skippedTicks} ticks left out, the latest ${worstTickDelayMs} ms late`,
);
child.stdin.end();
rmSync(runtimeFolder, { recursive: true, force: true });
process.exit(0);
