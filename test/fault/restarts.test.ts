// The supervisor's care: a controller that finds a slow vault is started again and not given up; no process leaves a core file
// or lets a signal open a debugger.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Agent, request } from 'undici';
import type { Appliance } from '../support/appliance.ts';
import { defaultBootstrap, startAppliance, until } from '../support/appliance.ts';
import { freePort } from '../support/free-port.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { TestPhone } from '../support/phone.ts';

t.setTimeout(300_000);

const ROOTS = ['process/vault.ts', 'process/edge.ts', 'process/media.ts', 'appliance.ts'];
/** Longer than the controller waits for the vault's answers when it starts. */
const SLOW_MS = 8_000;

function pidOf(appliance: Appliance, root: string): number {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(appliance.process.pid)], {
    encoding: 'utf8',
  });
  const line = stdout.split('\n').find((each) => each.includes(root));
  return Number(line?.trim().split(/\s+/)[0] ?? 0);
}

t.test('while it runs', async (t) => {
  await using appliance = await startAppliance();
  await t.test('no process leaves a core file, or opens a debugger at a signal', async (t) => {
    for (const root of ROOTS) {
      const limits = readFileSync(`/proc/${pidOf(appliance, root)}/limits`, 'utf8');
      t.match(limits, /^Max core file size +0 +0 /m, root);
    }
    for (const root of ROOTS) process.kill(pidOf(appliance, root), 'SIGUSR1');
    t.ok(await until(() => appliance.withVault(async (vault) => (await vault.ask('status', {})).formatVersion === 1).catch(() => false))); // biome-ignore format: one look
    t.notMatch(appliance.output(), /debugger|inspector/i, 'no signal opens a debugger');
  });
  await t.test('a vault that cannot open again is tried until it can; the others go on meanwhile', async (t) => {
    const key = join(appliance.varFolder, 'keys', 'wardline.key');
    renameSync(key, `${key}.away`);
    process.kill(pidOf(appliance, 'process/vault.ts'), 'SIGKILL');
    t.ok(await until(() => /key file .* is missing/.test(appliance.output())), 'it says what is wrong');
    for (const root of ROOTS.slice(1)) t.ok(pidOf(appliance, root) > 0, `${root} goes on`);
    renameSync(`${key}.away`, key);
    const isBack = () => appliance.withVault(async (vault) => (await vault.ask('status', {})).formatVersion === 1);
    t.ok(await until(() => isBack().catch(() => false)), appliance.output());
  });
});

t.test('a controller that starts while the vault is slow is tried again until it holds', async (t) => {
  // A controller that is started again opens the port that the configuration names.
  const bootstrap = defaultBootstrap().replace(
    'console: { host: 127.0.0.1, port: 0 }',
    `console: { host: 127.0.0.1, port: ${await freePort('tcp', '127.0.0.1')} }`,
  );
  await using appliance = await startAppliance({ bootstrap });
  const vault = pidOf(appliance, 'process/vault.ts');
  process.kill(vault, 'SIGSTOP');
  process.kill(pidOf(appliance, 'appliance.ts'), 'SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  process.kill(vault, 'SIGCONT');
  const answers = await until(async () => {
    const { status } = await fetchHealth(appliance);
    return status === 200;
  });
  t.ok(answers, `the console answers again; printed:\n${appliance.output()}`);
  t.equal(appliance.process.exitCode, null, 'the appliance goes on');
});

t.test('Ctrl-C waits for a call and takes no new one; Ctrl-C again ends it, and its record is kept', async (t) => {
  await using appliance = await startAppliance();
  const server = { host: '127.0.0.1', port: appliance.carrierUdpPort };
  await using carrier = await TestPhone.open({ transport: 'udp', server, username: '+12125550142' });
  const call = await carrier.call('+12125550100');
  t.ok(await call.until(() => call.heardSamples > 4_000), 'the menu is heard');
  const exited = once(appliance.process, 'exit');
  appliance.process.kill('SIGINT');
  t.ok(await until(() => appliance.output().includes('Waiting for 1 call to end; Ctrl-C again ends it now.')));
  await t.rejects(carrier.call('+12125550100'), { message: 'refused with 503' });
  const heard = call.heardSamples;
  t.ok(await call.until(() => call.heardSamples > heard + 4_000), 'the call goes on');
  const pressedAt = performance.now();
  appliance.process.kill('SIGINT');
  t.same(await exited, [0, null]);
  t.ok(performance.now() - pressedAt < PATIENCE_MS, 'at once');
  t.ok(call.hasEnded, 'the caller is told');
  t.match(appliance.output(), /Wardline has stopped\.\s*$/);
  const records = (await appliance.calls()).filter(({ answeredAt }) => answeredAt !== undefined);
  t.equal(records.length, 1, 'one record of the call');
  t.same(records[0]?.outcome, { ended: 'answered', by: 'callee' });
});

async function fetchHealth(appliance: Appliance): Promise<{ status: number }> {
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const { statusCode } = await request(`${appliance.consoleUrl}/api/health`, { dispatcher });
    return { status: statusCode };
  } catch {
    return { status: 0 };
  } finally {
    await dispatcher.close();
  }
}
