// TLS material in the vault: the private CA, the names it certifies, and a leaf for SIP and one for the console.
import { canonicalText } from '../../kernel/canonical.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { Handlers } from '../handlers.ts';
import type { Transaction, VaultCore } from '../store/core.ts';
import { VAULT_ACTOR } from '../store/inner-core.ts';
import { createCa, createLeaf, type KeyedCertificate, type LeafNames, mustRenew } from './certificates.ts';

const TLS = 'tls';
const LEAVES = ['sip', 'console'] as const;

export interface TlsMaterial {
  readonly ca: KeyedCertificate;
  readonly names: LeafNames;
  readonly leaves: Readonly<Record<(typeof LEAVES)[number], KeyedCertificate>>;
}

export async function makeTlsMaterial(names: LeafNames, core: Pick<VaultCore, 'clock'>): Promise<TlsMaterial> {
  const now = core.clock.now();
  const ca = await createCa(now);
  const [sip, console] = await Promise.all([createLeaf(ca, names, now), createLeaf(ca, names, now)]);
  return { ca, names, leaves: { sip, console } };
}

export function putTlsMaterial(tx: Transaction, { ca, names, leaves }: TlsMaterial): void {
  tx.put(TLS, 'ca', ca);
  tx.put(TLS, 'names', names);
  for (const name of LEAVES) tx.put(TLS, name, leaves[name]);
}

/** Makes new leaves when the old ones end soon or name other `names`; phones trust the CA, so nothing changes for them. */
export async function renewLeaves(core: VaultCore, names?: LeafNames): Promise<void> {
  const now = core.clock.now();
  const before = get<LeafNames>(core, 'names');
  const current = names ?? before;
  const isRenamed = canonicalText({ ...current }) !== canonicalText({ ...before });
  for (const [index, name] of LEAVES.entries()) {
    const leaf = get<KeyedCertificate>(core, name);
    if (!isRenamed && !mustRenew(leaf, now)) continue;
    const renewed = await createLeaf(get<KeyedCertificate>(core, 'ca'), current, now);
    const isLast = index === LEAVES.length - 1;
    const entry = {
      action: 'certificate-renewed',
      actor: VAULT_ACTOR,
      address: '',
      outcome: 'ok',
      subject: name,
      ...(isRenamed && { detail: `for ${[current.hostName, ...current.addresses].join(', ')}` }),
    } as const;
    core.transact(entry, (tx) => {
      tx.put(TLS, name, renewed);
      // Only with the last, so that a start that is cut off in between does the rest again.
      if (isRenamed && isLast) tx.put(TLS, 'names', current);
    });
  }
}

const DAY_MS = 24 * 3_600_000;

/** Looks once a day whether a leaf ends soon, so that an appliance that runs for years never shows one that has expired. */
export class LeafRenewal implements AsyncDisposable {
  readonly #core: VaultCore;
  #timer: Disposable | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(core: VaultCore) {
    this.#core = core;
  }

  schedule(): void {
    if (this.#isClosing) return;
    this.#timer = this.#core.clock.after(DAY_MS, () => {
      this.#looking = this.#look();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#timer?.[Symbol.dispose]();
    await this.#looking;
  }

  async #look(): Promise<void> {
    try {
      await renewLeaves(this.#core);
    } catch (thrown) {
      // There are weeks left to try again in.
      this.#core.log.error({ err: thrown }, 'a certificate could not be renewed');
    }
    this.schedule();
  }
}

export function tlsHandlers(core: VaultCore): Pick<Handlers, 'tls.get'> {
  return {
    'tls.get': ({ name }) => {
      if (!LEAVES.includes(name)) throw missing();
      const ca = get<KeyedCertificate>(core, 'ca').certificate;
      const { certificate, key } = get<KeyedCertificate>(core, name);
      return { certificate, key, ca };
    },
  };
}

function get<Value>(core: VaultCore, row: string): Value {
  const found = core.records.get<Value>(TLS, row);
  if (found === undefined) throw missing();
  return found.value;
}

function missing(): WardlineError {
  return new WardlineError('tls-missing', 'The vault holds no such certificate; restore it from a backup.');
}
