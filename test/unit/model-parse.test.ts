// What a person sees who writes a clinic's YAML: a clinic, or every problem at its line with the fix.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Problem, parseClinicYaml } from '../../src/model/parse-clinic.ts';
import { textPrompts } from '../../src/model/prompts.ts';

const CONFIG = join(import.meta.dirname, '../../config');
const read = (name: string) => readFileSync(join(CONFIG, name), 'utf8');
const SAMPLE = read('sample-clinic.yaml');

/** The problems of the sample with one text in it replaced, and the line of the replacement. */
function spoiled(from: string, to: string): { problems: readonly Problem[]; line: number } {
  const at = SAMPLE.indexOf(from);
  if (at < 0) throw new Error(`the sample clinic has no ${JSON.stringify(from)}`);
  const parsed = parseClinicYaml(SAMPLE.replace(from, () => to));
  const offset = to.search(/\S/);
  const line = (SAMPLE.slice(0, at) + to.slice(0, Math.max(0, offset))).split('\n').length;
  return { problems: 'problems' in parsed ? parsed.problems : [], line };
}

function valid(text: string) {
  const parsed = parseClinicYaml(text);
  if ('problems' in parsed)
    throw new Error(parsed.problems.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return parsed;
}

t.test('the sample clinic is what the README and the demo promise', async (t) => {
  const { clinic, secrets } = valid(SAMPLE);
  t.same(secrets, [], 'no password is written in it');
  t.same(
    clinic.extensions.map(({ number }) => number),
    ['1001', '1002', '1003', '1004'],
  );
  t.same(
    clinic.phones.map(({ extension }) => extension),
    ['1001', '1002', '1003', '1004'],
  );
  t.same(clinic.dids[0]?.number, '+12125550100');
  t.same(
    clinic.trunks.map(({ isSample, host }) => [isSample, host]),
    [[true, '127.0.0.1']],
  );
  t.same(clinic.emergency.numbers, { 911: '911', 9911: '911' });
  t.same(clinic.menus[0]?.choices['1'], { to: 'menu', id: 'billing-menu' }, 'the menu has a second level');
  for (const id of ['main-menu', 'after-hours']) {
    const menu = clinic.menus.find((candidate) => candidate.id === id);
    t.same(menu?.choices['3'], { to: 'mailbox', number: '1001' }, 'key 3 leaves a message by day and by night');
  }
});

t.test('the template is a clinic as it stands, and its menu text is to be spoken', async (t) => {
  const { clinic } = valid(read('clinic-template.yaml'));
  t.equal(textPrompts(clinic).length, 1);
  t.equal(clinic.extensions[0]?.onNoAnswer.to, 'mailbox', 'an extension with a mailbox sends there by itself');
});

t.test('numbers written nationally become E.164 with the country code of the clinic', async (t) => {
  const { clinic } = valid(SAMPLE.replace('callback-number: +1 212 555 0100', 'callback-number: (212) 555-0100'));
  t.equal(clinic.emergency.callbackNumber, '+12125550100');
});

t.test('passwords are handed over beside the clinic, never inside it', async (t) => {
  const { clinic, secrets } = valid(SAMPLE.replace('label: Front desk phone', 'password: a-made-up-secret-1'));
  t.same(secrets, [{ username: '1001', password: 'a-made-up-secret-1' }]);
  t.notMatch(JSON.stringify(clinic), /made-up-secret/);
});

/** What is written instead of what, and what the one sentence must say. */
const FLAWS: readonly (readonly [title: string, from: string, to: string, says: RegExp])[] = [
  [
    'a member that does not exist',
    '[1001, 1002]\n    ring',
    '[1001, 1009]\n    ring',
    /hunt group 'front-desk' rings extension 1009, which does not exist; add it under extensions or remove it here\./,
  ],
  ['a phone of nobody', 'extension: 1003', 'extension: 1007', /extension 1007, which does not exist/],
  [
    'a mistyped setting',
    'ring-seconds: 20',
    'ring-second: 20',
    /no setting "ring-second"; did you mean "ring-seconds"\?/,
  ],
  ['a mistyped section', 'mailboxes:', 'mailboxs:', /did you mean "mailboxes"/],
  [
    'a mistyped menu',
    '1: menu billing-menu',
    '1: menu biling-menu',
    /menu biling-menu, which does not exist; did you mean "billing-menu"/,
  ],
  ['a mistyped word', '1: menu billing-menu', '1: meny billing-menu', /did you mean "menu"/],
  [
    'a mailbox that does not exist',
    '3: mailbox 1001\n    dial',
    '3: mailbox 1008\n    dial',
    /mailbox 1008, which does not exist/,
  ],
  ['a schedule that does not exist', 'hours: office', 'hours: offices', /schedule offices, which does not exist/],
  [
    'an extension written twice',
    '  1002:\n    name: Nurse Station',
    '  1001:\n    name: Nurse Station',
    /"1001" is given twice/,
  ],
  [
    "a hunt group with an extension's number",
    'number: 2000',
    'number: 1002',
    /hunt group "front-desk" has the number 1002, which is extension 1002/,
  ],
  [
    'an extension that would shadow 911',
    '  1004:\n    name: Billing',
    '  911:\n    name: Billing',
    /extension 911 has the number 911, which is an emergency number/,
  ],
  ['911 sent elsewhere', '911: 911', '911: 112', /911 always reaches 911/],
  ['reversed hours', 'monday: 08:00-17:00', 'monday: 17:00-08:00', /closes at 08:00, before it opens at 17:00/],
  ['overlapping hours', '08:00-12:00, 13:00-16:00', '08:00-12:00, 11:00-16:00', /overlap at 11:00/],
  ['hours that are none', 'monday: 08:00-17:00', 'monday: 8-17', /write hours such as 08:00-17:00/],
  ['a date that is none', '2026-12-25', '2026-02-30', /"2026-02-30" is no date/],
  ['a zone that is none', 'America/New_York', 'America/New_Yrok', /is no time zone/],
  ['a zone without summer time', 'America/New_York', 'EST', /is no time zone/],
  [
    'a number without area code',
    'caller-id: +1 212 555 0100',
    'caller-id: 555-0100',
    /no telephone number; write it with its area code/,
  ],
  [
    'a DID twice, spelled differently',
    '  +1 212 555 0100:\n',
    '  212-555-0100:\n    destination: operator\n  +1 212 555 0100:\n',
    /\+12125550100 is given twice/,
  ],
  ['an address that is none', '[127.0.0.1]', '[127.0.0.256]', /"127.0.0.256" is no address/],
  ['keys in clear', 'srtp: forbidden', 'srtp: required', /would send the audio keys in clear/],
  [
    "the operator's key taken",
    '2: extension 1004',
    '0: extension 1004',
    /key 0 of menu "billing-menu" already goes to the operator/,
  ],
  ['a key that cannot be pressed', '2: extension 1004', 'A: extension 1004', /cannot be pressed/],
  ['an hour too many', 'ring-seconds: 25', 'ring-seconds: 3600', /write a whole number from 5 to 300/],
  ['a flag that is none', 'recorded: true', 'recorded: maybe', /write true or false/],
  ['a short password', 'label: Front desk phone', 'password: short', /shorter than 12 characters/],
  [
    'a menu that says nothing',
    '  billing-menu:\n    name: Appointments and billing\n    prompt: { file: sample/billing-menu }\n',
    '  billing-menu:\n',
    /"prompt" of menu "billing-menu" is missing/,
  ],
  ['a setting without a value', '{ file: sample/billing-menu }', '{ file }', /"file" of .* must be a single value/],
  ['an alias', 'notify: [1001]', 'notify: *everybody', /Unresolved alias|write it out here/],
];

for (const [title, from, to, says] of FLAWS) {
  t.test(`told of with its line: ${title}`, async (t) => {
    const { problems, line } = spoiled(from, to);
    t.match(problems.map(({ message }) => message).join('\n'), says);
    const told = problems.find(({ message }) => says.test(message));
    const lines = to.split('\n').length;
    t.ok(told && told.line >= line && told.line < line + lines + 2, `line ${told?.line} is at or just after ${line}`);
    t.notMatch(told?.message, /password.*"short"|undefined|\[object/);
  });
}

t.test('all problems come at once, in the order of the file', async (t) => {
  const text = SAMPLE.replace('America/New_York', 'Nowhere')
    .replace('hours: office', 'hours: x')
    .replace('2: extension 1004', '2: extension 1010');
  const parsed = parseClinicYaml(text);
  t.ok('problems' in parsed);
  const lines = 'problems' in parsed ? parsed.problems.map(({ line }) => line) : [];
  t.equal(lines.length, 3);
  t.same(
    lines,
    lines.toSorted((a, b) => a - b),
  );
});

t.test('calls that would go round for ever are told of; menus may lead back to menus by a key', async (t) => {
  const ring = (number: string, next: string) => `  ${number}:\n    name: N\n    on-no-answer: ${next}\n`;
  const clinic = (extensions: string, operator: string, more = '') =>
    parseClinicYaml(
      `name: Loop Clinic\ntime-zone: UTC\noperator: ${operator}\nemergency: { callback-number: +1 212 555 0100 }\nextensions:\n${extensions}${more}`,
    );
  const says = (parsed: ReturnType<typeof clinic>) =>
    'problems' in parsed ? parsed.problems.map(({ message }) => message).join('\n') : '';
  t.match(
    says(clinic(ring('10', 'extension 11') + ring('11', 'extension 10'), 'hang-up')),
    /for ever \(extension 10, then extension 11, then extension 10\)/,
  );
  t.match(says(clinic(ring('10', 'operator'), 'extension 10')), /for ever/);
  t.match(says(clinic('', 'operator')), /for ever \(the operator, then the operator\)/);
  const said = '    { prompt: Nobody is here., then: extension 10 }';
  t.match(says(clinic(`  10:\n    name: N\n    on-no-answer:\n  ${said}\n`, 'hang-up')), /for ever/);
  const menu = (failure: string) =>
    `menus:\n  a:\n    prompt: Press 1.\n    keys: { 1: menu a }\n    on-failure: ${failure}\n`;
  t.equal(says(clinic(ring('10', 'hang-up'), 'hang-up', menu('hang-up'))), '', 'a key may lead back');
  t.match(
    says(clinic(ring('10', 'hang-up'), 'hang-up', menu('menu a'))),
    /for ever \(menu a, then menu a\)/,
    'silence may not',
  );
});

t.test('text that is no YAML, empty, huge or hostile is answered with a problem and never throws', async (t) => {
  const hostile = [
    '',
    '   ',
    'a: [',
    '\tname: x',
    '- 1\n- 2',
    'name: {a: b}',
    '? [1]\n: 2',
    '&a [*a]',
    '\u0000',
    '"\\x',
    `${'['.repeat(5_000)}`,
    'x'.repeat(1_000_001),
    '%YAML 9\n---\n',
    'a: 1\n---\nb: 2',
  ];
  for (const text of hostile) {
    const parsed = parseClinicYaml(text);
    t.ok('problems' in parsed && parsed.problems.length > 0, JSON.stringify(text.slice(0, 20)));
    for (const { line, column } of 'problems' in parsed ? parsed.problems : []) t.ok(line >= 1 && column >= 1);
  }
});

t.test('a prompt file that there is not is told of when the files are known', async (t) => {
  const promptFiles = new Set(['sample/main-menu', 'sample/billing-menu', 'call/recording-notice']);
  const parsed = parseClinicYaml(SAMPLE, { promptFiles });
  t.match('problems' in parsed ? parsed.problems[0]?.message : '', /there is no prompt "sample\/after-hours"/);
});

t.test('codes of recordings begin with a star and differ', async (t) => {
  const notice = 'notice: { file: call/recording-notice }';
  const { clinic } = valid(SAMPLE.replace(notice, `${notice}\n  mask-code: "*91"\n  blank-digits: true`));
  t.match(clinic.recording, { maskCode: '*91', blanksDigits: true });
  t.notOk('pauseCode' in clinic.recording);
  t.match(spoiled(notice, `${notice}\n  mask-code: "91"`).problems, [{ message: /"91" cannot be pressed in a call/ }]);
  const same = spoiled(notice, `${notice}\n  mask-code: "*91"\n  pause-code: "*91"`);
  t.match(same.problems, [{ message: /are the same/ }]);
});
