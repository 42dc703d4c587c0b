// Registered contacts: durable and audited when new or changed, refreshed outside the trail.
import type { ContactBinding } from '../../model/binding.ts';
import type { Handlers } from '../handlers.ts';
import type { VaultCore } from '../store/core.ts';
import type { VolatileStore } from '../store/volatile-records.ts';

const SPACE = 'bindings';
/** Contacts in all; a clinic has a few hundred phones. */
const MAX_REFRESHES = 10_000;

export type BindingOperation = 'bindings.list' | 'bindings.put' | 'bindings.remove' | 'bindings.refresh';

export function bindingHandlers(
  core: VaultCore & { readonly volatile: VolatileStore },
): Pick<Handlers, BindingOperation> {
  const rowOf = (username: string, contact: string) => core.blindRow(SPACE, `${username}\n${contact}`);
  /** Durably and first: an old refresh must not outlive a crash and stand in front of what is written next. */
  const dropRefresh = (row: string) => {
    if (core.volatile.get(SPACE, row) === undefined) return;
    core.volatile.delete(SPACE, row);
    core.volatile.flush();
  };
  return {
    'bindings.list': () => {
      const stored = core.records.list<ContactBinding>(SPACE);
      return { bindings: stored.map(({ row, value }) => core.volatile.get<ContactBinding>(SPACE, row) ?? value) };
    },
    'bindings.put': ({ caller, binding }) => {
      const row = rowOf(binding.username, binding.contact);
      const entry = { action: 'binding-added', ...caller, outcome: 'ok', subject: binding.username } as const;
      dropRefresh(row);
      core.transact(entry, (tx) => tx.put(SPACE, row, binding));
      return {};
    },
    'bindings.remove': ({ caller, username, contact, reason }) => {
      const row = rowOf(username, contact);
      if (core.records.get(SPACE, row) === undefined) return {};
      const entry = { action: 'binding-removed', ...caller, outcome: 'ok', subject: username, detail: reason } as const;
      dropRefresh(row);
      core.transact(entry, (tx) => tx.delete(SPACE, row));
      return {};
    },
    'bindings.refresh': ({ bindings }) => {
      for (const binding of bindings.slice(0, MAX_REFRESHES)) {
        const row = rowOf(binding.username, binding.contact);
        if (core.records.get(SPACE, row) !== undefined) core.volatile.put(SPACE, row, binding);
      }
      core.volatile.flush();
      return {};
    },
  };
}
