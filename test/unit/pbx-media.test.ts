// One party's audio on drachtio-fsmrf's endpoint: what has ended is asked nothing more, since fsmrf throws where nobody can catch it.
import { EventEmitter } from 'node:events';
import type { Endpoint } from 'drachtio-fsmrf';
import { pino } from 'pino';
import t from 'tap';
import { EndpointMedia } from '../../src/pbx/leg/media.ts';
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
