// One party's audio on drachtio-fsmrf's endpoint: what has ended is asked nothing more, since fsmrf throws where nobody can catch it.
import { EventEmitter } from 'node:events';
import type { Endpoint } from 'drachtio-fsmrf';
import { pino } from 'pino';
import t from 'tap';
import { newId } from '../../src/kernel/id.ts';
import { RecordingMarks } from '../../src/pbx/call/recording-marks.ts';
import { EndpointMedia } from '../../src/pbx/leg/media.ts';
import type { Vault } from '../../src/vault/contract.ts';
import { ManualClock } from '../support/manual-clock.ts';

t.test('a party that leaves between two commands ends its own call alone', async (t) => {
  const { media, asked, endpoint } = bench();
  const recording = media.record('/spool/a.ul', { maxSeconds: 10, silenceSeconds: 5 });
  t.same(asked(), ['execute multiset']);
  endpoint.emit('destroy', undefined);
  await t.rejects(recording, { code: 'leg-ended' });
  const left = { code: 'leg-ended' };
  await t.rejects(media.record('/spool/a.ul', { maxSeconds: 10, silenceSeconds: 5 }), left);
  await t.rejects(media.play(['menu/goodbye.wav']), left);
  await t.rejects(media.startRecordingCall('/spool/a.ul'), left);
  await t.rejects(media.bridge(bench().media), left);
  await t.rejects(media.packetsHeard(), left);
  await t.rejects(media.modify('v=0\r\n'));
  await media.stop();
  t.same(asked(), ['execute multiset'], 'nothing was asked of what is gone');
});

t.test('variables go in one command', async (t) => {
  const { media, lines, answer } = bench();
  const recording = media.startRecordingCall('/spool/a.ul');
  t.match(
    lines()[0],
    /^multiset \^\^\^enable_file_write_buffering=false\^RECORD_MIN_SEC=0\^.*\^RECORD_STEREO=true\^RECORD_BLANK_DIGITS=false$/,
  );
  answer();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(lines()[1], 'record_session /spool/a.ul');
  answer();
  await recording;
});

t.test(
  'digits that were silenced in a recording: those of one entry share a mark, and tones without end leave room for others',
  async (t) => {
    const written: { mark: string; atMs: number }[] = [];
    const clock = new ManualClock();
    let isAway = true;
    const ask = async (_operation: string, { mark, atMs }: { mark: string; atMs: number }) => {
      if (isAway) throw new Error('The vault is away.');
      written.push({ mark, atMs });
    };
    const marks = new RecordingMarks({ vault: { ask } as unknown as Vault, clock, artifactId: newId<'artifact'>() });
    for (const at of [5_000, 5_300, 5_600.5, 7_500]) marks.blanked(at, at + 100);
    marks.blanked(12_000, 12_140);
    await t.rejects(marks.finish());
    isAway = false;
    await marks.finish();
    t.same(
      written.map(({ mark, atMs }) => `${mark} ${atMs}`),
      ['digits-blanked 5000', 'digits-over 7600', 'digits-blanked 12000', 'digits-over 12140'],
    );
    for (let at = 20_000; at < 10_000_000; at += 5_000) marks.blanked(at, at + 100);
    clock.advance(11_000_000);
    marks.changed('mask');
    await marks.finish();
    t.equal(written.at(-1)?.mark, 'masked');
    t.ok(written.length < 500, `${written.length} marks`);
  },
);

function bench() {
  const lines: string[] = [];
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  const ask = (method: string) => (command: string, argument: string) => {
    asked.push(`${method} ${command}`);
    lines.push(`${command} ${argument}`);
    return new Promise<void>((resolve) => waiting.push(resolve));
  };
  const methods = ['execute', 'play', 'api', 'bridge', 'unbridge', 'getChannelVariables', 'destroy'];
  const endpoint = Object.assign(
    new EventEmitter(),
    { uuid: 'a', connected: true, local: { sdp: 'v=0' }, dialog: null },
    Object.fromEntries(methods.map((method) => [method, ask(method)])),
  );
  const options = { clock: new ManualClock(), logger: pino({ level: 'silent' }), kill: () => {} };
  const media = new EndpointMedia(endpoint as unknown as Endpoint, options);
  return { media, endpoint, asked: () => asked, lines: () => lines, answer: () => waiting.shift()?.() };
}
