// What a REGISTER does: RFC 3261 §10.3's rules as values, and the registrar that keeps its promises while the vault comes and goes.
import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import t from 'tap';
import type { UtcMs } from '../../src/kernel/clock.ts';
import { WardlineError } from '../../src/kernel/errors.ts';
import type { ContactBinding } from '../../src/model/binding.ts';
import { SipArrival } from '../../src/pbx/leg/sip-arrival.ts';
import type { SrfRequest, SrfResponse } from '../../src/pbx/leg/srf-types.ts';
import { Authenticator } from '../../src/pbx/registrar/authenticator.ts';
import type { Registration } from '../../src/pbx/registrar/bindings.ts';
import { applyRegistration, MAX_BINDINGS_PER_AOR, parseContacts } from '../../src/pbx/registrar/bindings.ts';
import { Registrar } from '../../src/pbx/registrar/registrar.ts';
import type { AnswerTo, Ask, Vault, VaultOperation } from '../../src/vault/contract.ts';
import { ManualClock } from '../support/manual-clock.ts';

const NOW = 1_000_000 as UtcMs;
const SOURCE = { transport: 'tls', host: '192.0.2.7', port: 40_000 } as const;

function registration(contact: string, changes: Partial<Registration> = {}): Registration {
  const contacts = parseContacts(contact) ?? [];
  return {
    username: '1001',
    contacts,
    expiresSeconds: undefined,
    callId: 'a',
    cseq: 1,
    userAgent: '',
    source: SOURCE,
    ...changes,
  };
}

function effect(current: readonly ContactBinding[], request: Registration) {
  const result = applyRegistration(current, request, NOW);
  if ('refused' in result) throw new Error(result.refused);
  return result;
}

t.test('RFC 3261 §10.3: a contact’s own expiry beats the Expires header; both are capped at an hour', async (t) => {
  const { bindings } = effect(
    [],
    registration('<sip:1001@192.0.2.7:1>;expires=120, <sip:1001@192.0.2.7:2>, <sip:1001@192.0.2.7:3>;expires=99999', {
      expiresSeconds: 600,
    }),
  );
  t.same(
    bindings.map(({ expiresAt }) => (expiresAt - NOW) / 1000),
    [120, 600, 3600],
  );
});

t.test('RFC 3261 §10.3 step 7: under a minute is too brief, zero removes', async (t) => {
  t.same(applyRegistration([], registration('<sip:1001@192.0.2.7>;expires=59'), NOW), { refused: 'too-brief' });
  const { bindings } = effect([], registration('<sip:1001@192.0.2.7>'));
  const gone = effect(bindings, registration('<sip:1001@192.0.2.7>;expires=0', { cseq: 2 }));
  t.same(gone.bindings, []);
  t.match(gone.removed, [{ reason: 'unregistered' }]);
});

t.test('RFC 3261 §10.2.2: an asterisk removes all, and only with Expires: 0', async (t) => {
  const { bindings } = effect([], registration('<sip:1001@192.0.2.7:1>, <sip:1001@192.0.2.7:2>'));
  t.same(applyRegistration(bindings, registration('*', { cseq: 2 }), NOW), { refused: 'malformed' });
  t.same(effect(bindings, registration('*', { cseq: 2, expiresSeconds: 0 })).bindings, []);
});

t.test('RFC 3261 §10.3: an older CSeq of the same Call-ID changes nothing, another Call-ID does', async (t) => {
  const { bindings } = effect([], registration('<sip:1001@192.0.2.7>', { cseq: 5 }));
  t.same(applyRegistration(bindings, registration('<sip:1001@192.0.2.7>', { cseq: 5 }), NOW), {
    refused: 'out-of-order',
  });
  t.equal(effect(bindings, registration('<sip:1001@192.0.2.7>', { cseq: 1, callId: 'b' })).refreshed.length, 1);
});

t.test('RFC 5626 §6: an instance that moves replaces its old contact', async (t) => {
  const first = effect([], registration('<sip:1001@192.0.2.7:1>;+sip.instance="<urn:uuid:1>"'));
  const moved = effect(
    first.bindings,
    registration('<sip:1001@192.0.2.7:2>;+sip.instance="<urn:uuid:1>"', { cseq: 2 }),
  );
  t.equal(moved.bindings.length, 1);
  t.match(moved.removed, [{ reason: 'replaced' }]);
  t.equal(moved.stored.length, 1);
});

t.test('a phone that never unregisters pushes out its own oldest contact', async (t) => {
  let bindings: readonly ContactBinding[] = [];
  for (let i = 0; i <= MAX_BINDINGS_PER_AOR; i++) {
    bindings = effect(bindings, registration(`<sip:1001@192.0.2.7:${i + 1}>`, { callId: String(i) })).bindings;
  }
  t.equal(bindings.length, MAX_BINDINGS_PER_AOR);
  t.notOk(bindings.some(({ contact }) => contact.endsWith(':1')));
});

t.test('contacts that cannot be used make the request malformed', async (t) => {
  for (const header of ['<sip:>', 'tel:+12125550100', '', `<sip:1001@192.0.2.7;x=${'a'.repeat(600)}>`]) {
    t.equal(parseContacts(header), undefined);
  }
});

t.test('a binding is durable before its 200; a refresh is answered while the vault is away', async (t) => {
  const { registrar, vault, clock, register } = await bench(t);
  vault.isDown = true;
  t.equal(await register(1), 503, 'a new binding needs the vault');
  vault.isDown = false;
  t.equal(await register(2), 200);
  t.equal(vault.bindings.size, 1);
  vault.isDown = true;
  clock.advance(1_000);
  t.equal(await register(3), 200, 'a refresh does not');
  const [before] = [...vault.bindings.values()];
  vault.isDown = false;
  clock.advance(5_000);
  await new Promise((resolve) => setImmediate(resolve));
  const [after] = [...vault.bindings.values()];
  t.equal((after?.expiresAt ?? 0) - (before?.expiresAt ?? 0), 1_000, 'and is written within five seconds');
  t.equal(registrar.count, 1);
});

t.test('bindings survive a restart, expire by themselves, and their expiry is on record', async (t) => {
  const { vault, register, clock, registrar } = await bench(t);
  await register(1);
  await registrar[Symbol.asyncDispose]();
  const second = await bench(t, vault, clock);
  t.equal(second.registrar.bindingsOf('1001').length, 1);
  clock.advance(3_601_000);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(second.registrar.count, 0);
  t.ok(vault.asked.includes('bindings.remove'));
  t.equal(vault.bindings.size, 0);
});

t.test('a REGISTER on the carriers’ listener is refused', async (t) => {
  const { register } = await bench(t);
  t.equal(await register(1, 'carrier'), 403);
});

t.test('a phone cannot register for another', async (t) => {
  const { register } = await bench(t);
  t.equal(await register(1, 'phones', '1002'), 403);
});

/** What the registrar asks of a vault, and no more. */
class BindingStore implements Vault {
  isDown = false;
  readonly asked: string[] = [];
  readonly bindings = new Map<string, ContactBinding>();

  async ask<Operation extends VaultOperation>(operation: Operation, ask: Ask<Operation>): Promise<AnswerTo<Operation>> {
    await Promise.resolve();
    this.asked.push(operation);
    if (this.isDown) throw new WardlineError('link-closed', 'The vault is away.');
    if ('binding' in ask) this.#put(ask.binding);
    if ('bindings' in ask) for (const binding of ask.bindings) this.#put(binding);
    if (operation === 'bindings.remove' && 'contact' in ask) this.bindings.delete(`${ask.username} ${ask.contact}`);
    return { bindings: [...this.bindings.values()] } as object as AnswerTo<Operation>;
  }

  askForBytes(): Promise<never> {
    return Promise.reject(new WardlineError('unknown', 'There are no bytes here.'));
  }

  onNotice(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  #put(binding: ContactBinding): void {
    this.bindings.set(`${binding.username} ${binding.contact}`, binding);
  }
}

interface Teardown {
  teardown(action: () => Promise<void>): void;
}

/** A registrar whose phone 1001 is always let in. */
async function bench(t: Teardown, vault = new BindingStore(), clock = new ManualClock()) {
  const random = (count: number) => new Uint8Array(count);
  const authenticator = new Authenticator({
    clock,
    random,
    credentials: () => ({ realm: 'clinic.example', byUsername: new Map() }),
    onRefused: () => {},
  });
  authenticator.authenticate = () => '1001';
  const registrar = new Registrar({
    vault,
    clock,
    logger: pino({ level: 'silent' }),
    authenticator,
    onRegistered: () => {},
  });
  await registrar.load();
  t.teardown(() => registrar[Symbol.asyncDispose]());
  const register = async (cseq: number, listener = 'phones', user = '1001'): Promise<number> => {
    const { arrival, status } = fakeArrival(cseq, listener, user);
    await registrar.handle(arrival);
    return status();
  };
  return { registrar, vault, clock, register };
}

function fakeArrival(cseq: number, listener: string, user: string) {
  const headers = new Map([
    ['to', `<sip:${user}@clinic.example>`],
    ['contact', '<sip:1001@192.0.2.7:40000;transport=tls>'],
    ['call-id', 'a'],
    ['cseq', `${cseq} REGISTER`],
  ]);
  let status = 0;
  const get = (name: string) => headers.get(name.toLowerCase());
  const place = {
    source_address: '192.0.2.7',
    source_port: 40_000,
    receivedOn: listener === 'phones' ? '127.0.0.1:5061' : '127.0.0.1:5060',
  };
  const request = Object.assign(new EventEmitter(), { ...place, method: 'REGISTER', uri: 'sip:clinic.example', get });
  const response = {
    finalResponseSent: false,
    send(sent: number) {
      status = sent;
    },
  };
  const arrival = new SipArrival(request as unknown as SrfRequest, response as unknown as SrfResponse, [
    { name: 'phones', transport: 'tls', host: '127.0.0.1', port: 5061 },
    { name: 'carrier', transport: 'udp', host: '127.0.0.1', port: 5060 },
  ]);
  return { arrival, status: () => status };
}
