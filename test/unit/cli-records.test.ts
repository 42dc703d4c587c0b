// What the command line shows of one call or recording, in 80 columns, and the copy of its sound that it saves.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { artifactLines, callLines } from '../../src/cli/record-text.ts';
import { saveAudio } from '../../src/cli/save-audio.ts';
import type { UtcMs } from '../../src/kernel/clock.ts';
import { newId } from '../../src/kernel/id.ts';
import type { ArtifactDetails, Caller, Note } from '../../src/vault/shapes.ts';
import { openConsoleBench } from '../support/console-bench.ts';
import { ulawTone } from '../support/ulaw-tone.ts';

const at = Date.UTC(2026, 10, 22, 15) as UtcMs;
const note: Note = { id: 'n', kind: 'note', text: `call back ${'soon '.repeat(40)}`, by: 'nurse', at };

t.test(
  'a call in 80 columns: its way, its sound, its notes; a terminal’s commands in a name are no commands',
  async (t) => {
    const call = {
      callId: newId<'call'>(),
      direction: 'inbound',
      from: '+12125550123',
      fromName: 'Nora\u001b[2J Placeholder',
      to: '+12125550100',
      startedAt: at,
      answeredAt: (at + 5_000) as UtcMs,
      endedAt: (at + 65_000) as UtcMs,
      steps: [{ at, kind: 'menu', name: 'main' }],
      outcome: { ended: 'answered', by: 'caller' },
      artifacts: [],
      quality: [{ leg: 'caller', mos: 4.31, lossPercent: 0.25, jitterMs: 3.6, roundTripMs: 41, heardMos: 4.2 }],
    } as const;
    const holds = [{ id: 'h', subjects: [call.callId], reason: 'Letter of counsel', placedAt: at }];
    const lines = callLines({ call, artifacts: [], keptUntil: at, holds }, [note], 'UTC');
    t.ok(
      lines.every((line) => line.length <= 80),
      'no line is longer',
    );
    t.equal(lines[1], 'From      +12125550123 Nora [2J Placeholder');
    const text = lines.join('\n');
    t.match(text, /^Rang {6}0:05$/m);
    t.match(text, /^Talked {4}1:00$/m);
    t.match(text, /^Sound {5}caller: MOS 4\.3, lost 0\.3 %, jitter 4 ms, round trip 41 ms,\s+heard\s+there\s+4\.2$/m);
    t.match(text, /^Held {6}Letter of counsel \(h\)$/m);
    t.match(text, /^Kept {6}until 2026-11-22 15:00$/m);
  },
);

t.test('a recording tells its marks, gaps and state plainly', async (t) => {
  const artifact: ArtifactDetails = {
    id: newId<'artifact'>(),
    callId: newId<'call'>(),
    kind: 'recording',
    encoding: 'ulaw-8000',
    channels: 2,
    mailbox: '',
    from: '1001',
    fromName: '',
    to: '1002',
    startedAt: at,
    durationMs: 61_000,
    isRead: false,
    state: 'tampered',
    marks: [
      { mark: 'notice-played', atMs: 0 },
      { mark: 'digits-blanked', atMs: 12_000 },
      { mark: 'masked', atMs: 20_000 },
      { mark: 'digits-over', atMs: 14_000 },
    ],
    gaps: [{ fromMs: 2_000, toMs: 3_000 }],
    holds: [],
  };
  const text = artifactLines({ artifact, notes: [] }, 'UTC').join('\n');
  t.match(text, /^State {5}DAMAGED/m);
  t.match(
    text,
    /^Marks {5}0:00 notice played\n.*0:12 digits blanked\n.*0:14 digits over\n.*0:20 masked\n {10}0:02 to 0:03 no audio arrived$/m,
  );
  t.match(text, /^Kept {6}for good$/m);
});

t.test('a copy is its owner’s alone, on record, and never in place of another file', async (t) => {
  await using on = await openConsoleBench();
  const folder = mkdtempSync(join(tmpdir(), 'wardline-copy-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const caller: Caller = { actor: { kind: 'user', id: 'tester', login: 'tester' }, address: '' };
  const id = await on.addVoicemail({ kind: 'recording' }, ulawTone(440, 12));
  const file = join(folder, 'copy.wav');
  const bytes = await saveAudio(on.vault, caller, id, file);
  t.equal(bytes, 44 + 12 * 16_000);
  t.equal(readFileSync(file).length, bytes);
  t.equal(statSync(file).mode & 0o777, 0o600);
  const done = (await on.trail()).filter(({ subject }) => subject === id).map(({ action }) => action);
  t.same(
    done.filter((action) => action.startsWith('artifact-exp')),
    ['artifact-exported'],
  );
  t.notOk(done.includes('artifact-played'));
  await t.rejects(saveAudio(on.vault, caller, id, file), { code: 'file-exists' });
  t.equal(readFileSync(file).length, bytes, 'it is as it was');
  const other = join(folder, 'other.wav');
  const unknown = newId<'artifact'>();
  await t.rejects(saveAudio(on.vault, caller, unknown, other), { code: 'artifact-unknown' });
  t.notOk(existsSync(other), 'and no empty file is left');
});
