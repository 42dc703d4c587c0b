// `npm run bench:media [-- part…]`: what the media server costs and how late it is, beside a bare relay and a FreeSWITCH that
// WARDLINE_TEST_FREESWITCH=host:port:secret names, in the same run. Parts: cost, capacity, digit, setup, soak, and soak-hour by name alone.
import { namedServer } from '../support/named-server.ts';
import { sayWhere } from './figures.ts';
import { benchCalls } from './media/calls.ts';
import { benchDigits } from './media/digits.ts';
import { benchSetup } from './media/setup.ts';
import { soakInVirtualTime } from './media/soak.ts';
import { soakHour } from './media/soak-hour.ts';

const FREESWITCH = namedServer('WARDLINE_TEST_FREESWITCH');
const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  cost: () => benchCalls('cost', FREESWITCH),
  capacity: () => benchCalls('capacity', FREESWITCH),
  digit: () => benchDigits(FREESWITCH),
  setup: () => benchSetup(FREESWITCH),
  soak: soakInVirtualTime,
  'soak-hour': soakHour,
};

sayWhere();
if (FREESWITCH === undefined) process.stdout.write('no FreeSWITCH is named: Wardline and the bare relay alone\n');
const asked = process.argv.slice(2);
for (const name of asked.length === 0 ? Object.keys(PARTS).filter((each) => each !== 'soak-hour') : asked) {
  const part = PARTS[name];
  if (part === undefined) throw new Error(`There is no part ${name}; choose among ${Object.keys(PARTS).join(', ')}.`);
  process.stdout.write(`\n${name}\n`);
  await part();
}
process.exit(0);
