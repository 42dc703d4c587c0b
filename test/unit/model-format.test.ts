// Export and import belong together: what is written reads back as the same clinic, and what differs is told in words.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Clinic, Destination, Prompt, Slug } from '../../src/model/clinic.ts';
import { diffClinics } from '../../src/model/diff-clinics.ts';
import { formatClinicYaml } from '../../src/model/format-clinic.ts';
import { parseClinicYaml } from '../../src/model/parse-clinic.ts';
import { type Seeded, seeded } from '../support/seeded.ts';

function clinicOf(text: string): Clinic {
  const parsed = parseClinicYaml(text);
  if ('clinic' in parsed) return parsed.clinic;
  throw new Error(parsed.problems.map(({ line, message }) => `${line}: ${message}`).join('\n'));
}

const read = (name: string) => clinicOf(readFileSync(join(import.meta.dirname, '../../config', name), 'utf8'));
const sample = read('sample-clinic.yaml');

t.test('the sample and the template, written and read again, are the same clinics', async (t) => {
  for (const clinic of [sample, read('clinic-template.yaml')]) {
    t.strictSame(clinicOf(formatClinicYaml(clinic)), clinic);
    t.same(diffClinics(clinic, clinicOf(formatClinicYaml(clinic))), []);
  }
});

const AWKWARD = [
  '*97',
  'yes',
  'null',
  '~',
  '0123',
  '# no comment',
  'a: b',
  '- x',
  "it's",
  '"quoted"',
  'Zoë Exämple',
  '{x}',
  ' trailing dot.',
  '1e3',
  'two\nlines',
  'x'.repeat(300),
  '&anchor',
  '!tag',
  '| pipe',
  '08:00-17:00',
];

t.test('whatever names and texts it has, a clinic survives the round trip', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  for (let i = 0; i < 200; i++) {
    const clinic = scrambled(random);
    const text = formatClinicYaml(clinic);
    if (!t.strictSame(clinicOf(text), clinic)) t.comment(text);
  }
});

t.test('differences are told one a line, for a person', async (t) => {
  const lab = sample.extensions.find(({ number }) => number === '1003');
  const [main, ...menus] = sample.menus;
  if (lab === undefined || main === undefined) throw new Error('the sample clinic lost its laboratory or its menu');
  const without: Clinic = { ...sample, extensions: sample.extensions.filter((extension) => extension !== lab) };
  t.same(diffClinics(without, sample), ['extension 1003 (Laboratory) added']);
  t.same(diffClinics(sample, without), ['extension 1003 (Laboratory) removed']);
  const rerouted: Clinic = {
    ...sample,
    menus: [{ ...main, choices: { ...main.choices, 2: { to: 'operator' } } }, ...menus],
  };
  t.same(diffClinics(sample, rerouted), ['menu main-menu: key 2 now goes to operator (was extension 1003)']);
  t.same(diffClinics(sample, { ...sample, timeZone: 'UTC' }), ['clinic: time zone is now UTC (was America/New_York)']);
});

function scrambled(random: Seeded): Clinic {
  const any = (): string => AWKWARD[random.below(AWKWARD.length)] ?? 'x';
  const prompt = (): Prompt => (random.below(2) === 0 ? { text: any() } : { file: 'call/after-hours' });
  const destination = (depth = 0): Destination => {
    const kind = random.below(depth > 3 ? 4 : 6);
    const leaves: Destination[] = [
      { to: 'hang-up' },
      { to: 'mailbox', number: sample.mailboxes[0]!.number },
      { to: 'menu', id: 'main-menu' as Slug },
    ];
    if (kind === 5)
      return { to: 'hours', schedule: 'office' as Slug, open: destination(depth + 1), closed: destination(depth + 1) };
    // biome-ignore lint/suspicious/noThenProperty: a destination's field.
    if (kind === 4) return { to: 'prompt', prompt: prompt(), then: destination(depth + 1) };
    return leaves[kind % 3]!;
  };
  return {
    ...sample,
    name: any(),
    extensions: sample.extensions.map((extension) => ({
      ...extension,
      name: any(),
      isRecorded: random.below(2) === 0,
    })),
    mailboxes: sample.mailboxes.map((mailbox) => ({ ...mailbox, name: any(), greeting: prompt() })),
    dids: sample.dids.map((did) => ({ ...did, name: any(), destination: destination() })),
    menus: sample.menus.map((menu) => ({
      ...menu,
      name: any(),
      prompt: prompt(),
      onFailure: { to: 'hang-up' },
      choices: { 1: destination(), '*7': destination(), '#': destination() },
    })),
    recording: {
      notice: prompt(),
      ...(random.below(2) === 0 && { maskCode: '*91', pauseCode: '*92', blanksDigits: true }),
    },
  };
}
