// The vault from another process: the contract over a link, which waits while the vault restarts.
import { LinkClient } from '../ipc/client.ts';
import { DEFAULT_DEADLINE_MS } from '../ipc/link.ts';
import type { Json } from '../kernel/canonical.ts';
import type { Clock } from '../kernel/clock.ts';
import type { AnswerTo, Vault, VaultOperation } from './contract.ts';

export interface VaultConnection {
  /** The path of `vault.sock`. */
  readonly socket: string;
  readonly token: string;
  readonly role: 'controller' | 'cli' | 'main';
  readonly clock: Clock;
  /** Called on each connect and reconnect: what was read before may have changed. */
  readonly onUp?: () => void;
  readonly onDown?: () => void;
}

/** Operations that may take longer than a usual request. */
const DEADLINES_MS: Partial<Record<VaultOperation, number>> = {
  unlock: 15_000,
  'artifact.close': 15_000,
  'calls.page': 15_000,
  'call.get': 15_000,
  'artifacts.page': 15_000,
  'artifact.get': 15_000,
  'note.list': 15_000,
  search: 15_000,
  'audit.page': 15_000,
  'playout.open': 15_000,
  'artifact.audio': 15_000,
  'enrolment.begin': 15_000,
  'enrolment.finish': 15_000,
  'session.login': 15_000,
  'password.change': 15_000,
  'audit.verify': 600_000,
  'audit.search': 60_000,
  'vault.verify': 24 * 3_600_000,
  'audit.exportEntries': 15_000,
  'root.rotate': 120_000,
  'slot.add': 15_000,
  'slot.replace': 15_000,
  'backup.create': 6 * 3_600_000,
  'backup.verify': 6 * 3_600_000,
};

export function connectVault({ socket, token, role, clock, onUp, onDown }: VaultConnection): Vault & Disposable {
  const listeners = new Set<Parameters<Vault['onNotice']>[0]>();
  const link = new LinkClient({
    path: socket,
    role,
    token,
    clock,
    onNotice: (message, _link, type) => {
      for (const listener of listeners) listener({ type, payload: message.payload });
    },
    ...(onUp && { onUp: () => onUp() }),
    ...(onDown && { onDown }),
  });
  const request = (operation: VaultOperation, ask: object, body?: Uint8Array) =>
    link.request(operation, ask as Json, body, DEADLINES_MS[operation] ?? DEFAULT_DEADLINE_MS);
  return {
    ask: async <Operation extends VaultOperation>(operation: Operation, ask: object, body?: Uint8Array) =>
      (await request(operation, ask, body)).payload as AnswerTo<Operation>,
    askForBytes: async <Operation extends VaultOperation>(operation: Operation, ask: object) => {
      const { payload, body } = await request(operation, ask);
      return { answer: payload as AnswerTo<Operation>, body };
    },
    onNotice(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => listeners.delete(listener) };
    },
    [Symbol.dispose]: () => link[Symbol.dispose](),
  };
}
