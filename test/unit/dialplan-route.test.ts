// The dial plan as a caller notices it: 911 first, extensions ring, outside calls go out, carriers reach numbers alone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { UtcMs } from '../../src/kernel/clock.ts';
import type { Clinic, ExtensionNumber, Slug, Trunk } from '../../src/model/clinic.ts';
import { parseClinicYaml } from '../../src/model/parse-clinic.ts';
import { resolveDestination } from '../../src/pbx/dialplan/resolve.ts';
import { route } from '../../src/pbx/dialplan/route.ts';
import { seeded } from '../support/seeded.ts';

const parsed = parseClinicYaml(readFileSync(join(import.meta.dirname, '../../config/sample-clinic.yaml'), 'utf8'));
if ('problems' in parsed) throw new Error(parsed.problems[0]?.message);
const { clinic } = parsed;
const at = (iso: string) => Date.parse(iso) as UtcMs;
/** A Monday at ten in New York, and the night after it. */
const OPEN = at('2026-03-02T15:00:00Z');
const CLOSED = at('2026-03-03T04:00:00Z');
const dial = (dialled: string, changed: Clinic = clinic) => route({ from: { phone: '1002' }, dialled }, changed, OPEN);

t.test('911 and 9911 win whatever the clinic says', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const pick = <Value>(...values: Value[]): Value => values[random.below(values.length)] as Value;
  for (let i = 0; i < 500; i++) {
    const number = pick('911', '9911', '1001') as ExtensionNumber;
    const changed: Clinic = {
      ...clinic,
      emergency: {
        ...clinic.emergency,
        numbers: pick<Record<string, string>>({}, { 911: '1001' }, { 9911: '112', 112: '112' }),
      },
      extensions: pick([], clinic.extensions, [{ ...clinic.extensions[0]!, number }]),
      phones: pick([], clinic.phones),
      huntGroups: pick([], [{ ...clinic.huntGroups[0]!, number }]),
      mailboxes: pick([], [{ ...clinic.mailboxes[0]!, number }]),
      voicemailNumber: pick('*97', '911', '9911'),
      countryCode: pick('1', '44', '91'),
      trunks: pick([], clinic.trunks),
    };
    const dialled = pick('911', '9911', '9-1-1', '9 911', 'urn:service:sos', 'urn:service:sos.ambulance');
    const phone = pick('1001', 'nobody', '');
    const decision = route({ from: { phone }, dialled }, changed, random.below(2 ** 31) as UtcMs);
    t.match(decision, { kind: 'emergency', send: '911', trunks: changed.trunks.map(({ id }) => id) }, dialled);
  }
});

t.test('what is no emergency number is not taken for one', async (t) => {
  for (const dialled of ['9', '91', '9112', '99911', '0911', '911911', 'toString', '__proto__', 'constructor']) {
    t.not(dial(dialled).kind, 'emergency', dialled);
  }
});

t.test('the emergency call says whom to call back and whom to tell', async (t) => {
  t.match(dial('911'), { callbackNumber: '+12125550100', notify: ['1001'], trunks: ['sample'] });
});

t.test('inside: extension, hunt group, operator, own voicemail', async (t) => {
  t.match(dial('1003'), { kind: 'internal', destination: { to: 'extension', number: '1003' } });
  t.match(dial('2000'), { kind: 'internal', destination: { to: 'hunt-group', id: 'front-desk' } });
  t.match(dial('0'), { kind: 'internal', destination: { to: 'hunt-group', id: 'front-desk' } });
  t.match(dial('*97'), { kind: 'voicemail-check', extension: { number: '1002' } });
  t.same(dial('1099'), { kind: 'not-found' });
  t.same(dial(''), { kind: 'not-found' });
  t.same(dial('1'.repeat(5_000)), { kind: 'not-found' });
});

t.test('outside: with or without the 9, at home and abroad', async (t) => {
  const written = ['2125550123', '12125550123', '92125550123', '912125550123', '+12125550123', '(212) 555-0123'];
  for (const dialled of written)
    t.match(
      dial(dialled),
      { kind: 'external', number: '+12125550123', national: '2125550123', trunks: ['sample'] },
      dialled,
    );
  t.match(dial('9175550123'), { number: '+19175550123' }, 'an area code that begins with the prefix');
  for (const dialled of ['011442071234567', '9011442071234567', '+442071234567']) {
    t.match(dial(dialled), { kind: 'external', number: '+442071234567', national: '+442071234567' }, dialled);
  }
  t.same(dial('19005550123'), { kind: 'not-allowed', reason: 'premium-rate' });
});

t.test(
  "outside calls carry the extension's number when it has one, and take real carriers before the sample",
  async (t) => {
    const callerId = clinic.dids[0]!.number;
    const real: Trunk = { ...clinic.trunks[0]!, id: 'carrier' as Slug, isSample: false };
    const extensions = clinic.extensions.map((extension) => ({ ...extension, callerId }));
    t.match(dial('2125550123', { ...clinic, extensions, trunks: [...clinic.trunks, real] }), {
      callerId,
      trunks: ['carrier'],
    });
    t.notOk('callerId' in dial('2125550123'));
    t.same(dial('2125550123', { ...clinic, trunks: [] }), { kind: 'not-allowed', reason: 'no-trunk' });
  },
);

t.test('a phone that the clinic does not know calls nobody but 911', async (t) => {
  t.same(route({ from: { phone: 'stranger' }, dialled: '1001' }, clinic, OPEN), {
    kind: 'not-allowed',
    reason: 'unknown-phone',
  });
});

t.test("a carrier reaches the clinic's numbers, through its hours, and nothing else", async (t) => {
  const from = { trunk: 'sample' as Slug };
  for (const dialled of ['+12125550100', '12125550100', '2125550100']) {
    const decision = route({ from, dialled }, clinic, OPEN);
    t.match(
      decision,
      { kind: 'did', destination: { to: 'menu', id: 'main-menu' }, steps: [{ kind: 'hours', name: 'office' }] },
      dialled,
    );
  }
  t.match(route({ from, dialled: '+12125550100' }, clinic, CLOSED), { destination: { to: 'menu', id: 'after-hours' } });
  for (const dialled of ['911', '9911', '1001', '2000', '*97', '0', '+12125550199', '+442071234567', '']) {
    t.same(route({ from, dialled }, clinic, OPEN), { kind: 'not-found' }, dialled);
  }
  t.same(route({ from: { trunk: 'other' as Slug }, dialled: '+12125550100' }, clinic, OPEN), {
    kind: 'not-allowed',
    reason: 'unknown-trunk',
  });
});

t.test('a clinic that goes round in a circle hangs up', async (t) => {
  t.match(resolveDestination({ to: 'operator' }, { ...clinic, operator: { to: 'operator' } }, OPEN), {
    destination: { to: 'hang-up' },
  });
});
