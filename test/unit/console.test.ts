// What the console writes and when it warns: times, numbers, outcomes, password rules and the idle notice, without a browser.
import t from 'tap';
import { queryText } from '../../src/console/api.ts';
import {
  dayBound,
  excerpt,
  highlight,
  highlightNumber,
  scoreWord,
  sizeText,
  spansOf,
  spanTimes,
  stateOf,
} from '../../src/console/describe.ts';
import {
  actionLabel,
  actionOf,
  byDay,
  callerLabel,
  clockLength,
  outcomeOf,
  phoneNumber,
  searchNumber,
  spokenLength,
  timeOfDay,
} from '../../src/console/format.ts';
import { IdleWatch, NOTICE_MS, RENEW_MS } from '../../src/console/idle.ts';
import { passwordRules } from '../../src/console/password-rules.ts';

const place = { locale: 'en-US', timeZone: 'America/New_York' };
const now = Date.UTC(2026, 2, 8, 20, 0); // the day on which New York's clocks go forward

t.test('times are local, days have names, also around a change of clocks', async (t) => {
  t.equal(timeOfDay(now, place).replace(/\s/, ' '), '4:00 PM');
  const at = (...utc: [number, number, number, number?]) => ({
    startedAt: Date.UTC(2026, utc[0], utc[1], utc[2], utc[3] ?? 0),
  });
  const rows = [
    at(2, 8, 19),
    at(2, 8, 5, 30),
    at(2, 8, 4, 30),
    at(2, 6, 12),
    { startedAt: Date.UTC(2025, 11, 31, 12) },
  ];
  t.same(
    byDay(rows, now, place).map(({ heading, rows: ofDay }) => [heading, ofDay.length]),
    [
      ['Today', 2],
      ['Yesterday', 1],
      ['Friday, March 6', 1],
      ['Wednesday, December 31, 2025', 1],
    ],
  );
});

t.test('lengths for the eye and for a screen reader', async (t) => {
  t.same([0, 7_400, 754_000, 3_725_000].map(clockLength), ['0:00', '0:07', '12:34', '1:02:05']);
  t.same([0, 1_000, 60_000, 125_000].map(spokenLength), ['0 seconds', '1 second', '1 minute', '2 minutes 5 seconds']);
});

t.test('numbers as people read and type them', async (t) => {
  t.same(['+12125550123', '1001', '+442079460123', ''].map(phoneNumber), [
    '(212) 555-0123',
    '1001',
    '+442079460123',
    'Number withheld',
  ]);
  t.equal(callerLabel({ from: '+12125550123', fromName: '' }), '(212) 555-0123');
  t.same(['(212) 555-0123', '+1 212 555 0123', ' 1001 ', 'x'].map(searchNumber), [
    '2125550123',
    '12125550123',
    '1001',
    '',
  ]);
});

t.test('an outcome in the words of the desk', async (t) => {
  const label = (
    outcome: 'answered' | 'no-answer' | 'failed',
    direction: 'inbound' | 'outbound',
    hasVoicemail = false,
  ) => outcomeOf({ outcome, direction, hasVoicemail }).label;
  t.equal(label('answered', 'inbound'), 'Answered');
  t.equal(label('no-answer', 'inbound'), 'Missed');
  t.equal(label('no-answer', 'outbound'), 'No answer');
  t.equal(label('answered', 'inbound', true), 'Voicemail');
  t.equal(label('failed', 'outbound'), 'Failed');
  t.equal(actionLabel('voicemails-listed'), 'Voicemails listed');
  t.equal(actionLabel('artifact-played'), 'Audio played');
});

t.test('password rules turn green one by one', async (t) => {
  const person = { login: 'nora', name: 'Nora Placeholder' };
  const met = (password: string) => passwordRules(password, person).map(({ isMet }) => isMet);
  t.same(met(''), [false, false]);
  t.same(met('short'), [false, true]);
  t.same(met('placeholder-2026'), [true, false]);
  t.same(met('plum-tractor-violet-92'), [true, true]);
});

t.test('the notice comes a minute before the end; activity renews, but not once it is up', async (t) => {
  const idle = new IdleWatch();
  const quarter = 15 * 60_000;
  idle.endsIn(quarter, 0);
  t.equal(idle.activity(RENEW_MS - 1), false, 'renewed a moment ago');
  t.equal(idle.activity(RENEW_MS), true);
  idle.endsIn(quarter, RENEW_MS);
  const end = quarter + RENEW_MS;
  t.equal(idle.state(end - NOTICE_MS - 1), 'active');
  t.equal(idle.state(end - NOTICE_MS), 'ending');
  t.equal(idle.activity(end - NOTICE_MS), false);
  t.equal(idle.secondsLeft(end - 30_400), 31);
  t.equal(idle.state(end), 'ended');
});

t.test('a query has what is set, escaped', async (t) => {
  t.equal(queryText({ after: undefined, number: '' }), '');
  t.equal(queryText({ after: '12', number: '*97#' }), '?after=12&number=*97%23');
});

t.test('a search’s words are marked where words begin, whatever their case and accents', async (t) => {
  const marked = (text: string, query: string) =>
    highlight(text, query)
      .map((part) => (part.isHit ? `[${part.text}]` : part.text))
      .join('');
  t.equal(marked('Zaphira Müller, about müll', 'muller zap'), '[Zap]hira [Müller], about müll');
  t.equal(marked('<b>bold</b>', 'b'), '<b>bold</b>', 'one letter marks nothing');
  t.equal(marked('nothing', ''), 'nothing');
  t.same(
    highlightNumber('(212) 555-0123', '+12125550123', '212 555 0123').map(({ isHit }) => isHit),
    [true],
  );
  t.notOk(highlightNumber('1001', '1001', 'front desk')[0]?.isHit);
  const long = `${'word '.repeat(100)}zeppelin ${'word '.repeat(100)}`;
  t.match(
    excerpt(long, 'zeppelin')
      .map(({ text }) => text)
      .join(''),
    /^….*zeppelin.*…$/,
  );
});

t.test('marks become stretches of a recording; what never ended lasts to its end', async (t) => {
  const marks = [
    { mark: 'masked', atMs: 4_000 },
    { mark: 'unmasked', atMs: 6_000 },
    { mark: 'paused', atMs: 8_000 },
    { mark: 'resumed', atMs: 8_000 },
    { mark: 'masked', atMs: 9_000 },
    { mark: 'digits-blanked', atMs: 2_000 },
    { mark: 'digits-over', atMs: 3_000 },
  ] as const;
  const gaps = [{ fromMs: 1_000, toMs: 2_000 }];
  const spans = spansOf({ marks: [...marks], gaps, durationMs: 10_000, state: 'cut-off' });
  t.same(
    spans.map((span) => `${span.label} ${spanTimes(span)}`),
    [
      'No audio arrived 0:01 to 0:02',
      'Digits blanked 0:02 to 0:03',
      'Masked 0:04 to 0:06',
      'Paused 0:08',
      'Masked 0:09 to 0:10',
      'Cut off here 0:10',
    ],
  );
  t.equal(stateOf('complete', 'recording'), undefined);
  t.match(stateOf('tampered', 'recording'), { label: 'Damaged', sentence: /not played/ });
  t.equal(stateOf('open', 'voicemail')?.label, 'Being left now');
});

t.test('scores, sizes, days and entries in words', async (t) => {
  t.same(
    [4.3, 3.8, 3.2].map((mos) => scoreWord(mos).label),
    ['Good', 'Fair', 'Poor'],
  );
  t.same([0, 999, 1_500, 25_000_000].map(sizeText), ['0 B', '999 B', '1.5 kB', '25 MB']);
  t.equal(Number(dayBound('2026-11-22', 'end')) + 1, Number(dayBound('2026-11-23', 'start')));
  t.equal(dayBound('', 'start'), undefined);
  t.same(['Calls listed', 'audio played', 'Vault locked'].map(actionOf), [
    'calls-listed',
    'artifact-played',
    'vault-locked',
  ]);
});
