// Stretching a passphrase takes a quarter of a second on a thread of its own: what is captured meanwhile is committed before it is done.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { CaptureSealer } from '../../src/seal/capture-sealer.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { CALLER, makeVault, newFolders, openVault, tone, voicemailHeader } from '../support/vault-bench.ts';

const PASSPHRASE = 'a long passphrase of plain words';

t.test('the intake commits while a passphrase is stretched', async (t) => {
  using folders = newFolders('/dev/shm');
  const clock = new ManualClock();
  await makeVault(folders, clock);
  await using vault = await openVault(folders, { clock, startLocked: true });
  const using_ = { slot: 'key-file', secret: readFileSync(folders.keyFile, 'utf8') } as const;
  await vault.ask('slot.add', { caller: CALLER, using: using_, kind: 'passphrase', opens: 'both', secret: PASSPHRASE });
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  const { intake } = vault.inner;
  using sealer = new CaptureSealer(artifactId, intake.begin(artifactId));

  const order: string[] = [];
  const unlocking = vault
    .ask('unlock', { caller: CALLER, slot: 'passphrase', secret: PASSPHRASE })
    .then(() => order.push('unlocked'));
  for (let tick = 0; tick < 5; tick++) {
    const sent = sealer
      .write(tone(250, tick), tick * 2_000)
      .map((frame) =>
        frame.type === 'intake.segment' ? intake.segment(frame.ask, frame.body) : intake.chunk(frame.ask, frame.body),
      );
    clock.advance(100);
    await Promise.all(sent);
    order.push(`tick ${tick}`);
  }
  t.same(
    await vault.ask('mailbox.counts', { mailbox: '1001' }),
    { unread: 0, read: 0 },
    'and other requests are answered',
  );
  order.push('asked');
  await unlocking;
  t.same(order, ['tick 0', 'tick 1', 'tick 2', 'tick 3', 'tick 4', 'asked', 'unlocked']);
  t.equal((await vault.ask('status', {})).records, 'unlocked');
});

t.test('a root that was replaced while a secret was stretched is not opened by it', async (t) => {
  using folders = newFolders('/dev/shm');
  const { recoveryCode } = await makeVault(folders);
  await using vault = await openVault(folders, { startLocked: true });
  const using_ = { slot: 'recovery', secret: recoveryCode } as const;
  await vault.ask('slot.add', { caller: CALLER, using: using_, kind: 'passphrase', opens: 'both', secret: PASSPHRASE });
  const unlocking = vault.ask('unlock', { caller: CALLER, slot: 'passphrase', secret: PASSPHRASE });
  await Promise.all([
    t.rejects(unlocking, { code: 'vault-closing' }),
    vault.ask('root.rotate', { caller: CALLER, using: using_ }),
  ]);
  t.equal((await vault.ask('status', {})).records, 'locked');
});
