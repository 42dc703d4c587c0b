// Call detail records: captured when a call ends, paged newest first, found by number through a blind index.
import { WardlineError } from '../kernel/errors.ts';
import type { Cdr } from '../model/cdr.ts';
import type { CapturedRow } from './captured-table.ts';
import { fence, type InnerCore } from './engine.ts';
import { mustBeGenuine } from './genuine.ts';
import { recordsLocked } from './keyring.ts';
import type { Handlers } from './operations.ts';
import { cursorOf, pageOf } from './paging.ts';

export type CallOperation = 'cdr.put' | 'calls.page';

const NATIONAL_DIGITS = 10;

export function callHandlers(core: InnerCore): Pick<Handlers, CallOperation> {
  const { db } = core;
  const newest = db.prepare('SELECT * FROM calls WHERE seq < ? ORDER BY seq DESC LIMIT ?');
  const byNumber = db.prepare(`SELECT c.* FROM call_numbers n JOIN calls c ON c.seq = n.seq
    WHERE n.digest = ? AND n.seq < ? ORDER BY n.seq DESC LIMIT ?`);
  const addNumber = db.prepare('INSERT INTO call_numbers (digest, seq) VALUES (?, ?)');
  const numbersOf = db.prepare('SELECT digest FROM call_numbers WHERE seq = ?').pluck();
  const digestOf = (number: string) => core.blindBytes('calls/number', number);
  return {
    'cdr.put': ({ cdr }) => {
      if (core.calls.get(cdr.callId) !== undefined) return {}; // sent again after a lost answer
      const epoch = core.epochs.current('cdr');
      const numbers = [...new Set([...termsOf(cdr.from), ...termsOf(cdr.to)])].map(digestOf);
      const actor = { kind: 'service', name: 'pbx' } as const;
      const entry = { action: 'call-ended', actor, address: '', outcome: 'ok', subject: cdr.callId } as const;
      core.transact(entry, (tx) => {
        const seq = core.calls.insert(tx, cdr.callId, epoch, cdr, {}, numbers);
        for (const digest of numbers) addNumber.run(digest, seq);
      });
      return {};
    },
    'calls.page': ({ caller, page, number }) => {
      if (!core.keyring.isUnlocked) throw recordsLocked();
      const { before, limit } = cursorOf(page);
      const rows = number === undefined ? newest.all(before, limit + 1) : findNumber(number, before, limit + 1);
      const answer = pageOf(rows as CapturedRow[], limit, openCall, (row) => fence(core, 'calls', row));
      const detail = `${answer.rows.length} calls${number === undefined ? '' : `, of ${number}`}`;
      core.record({ action: 'calls-listed', ...caller, outcome: 'ok', detail });
      return answer;
    },
  };

  function openCall(row: CapturedRow): Cdr {
    mustBeGenuine(core, 'calls', row.row, core.calls.hashOf(row, numbersOf.all(row.seq) as Uint8Array[]), row.entry);
    return core.calls.open<Cdr>(row);
  }

  function findNumber(number: string, before: number, limit: number): unknown[] {
    const term = normalise(number);
    if (term === '') throw new WardlineError('bad-number', 'Search for a telephone number or an extension.');
    return byNumber.all(digestOf(term), before, limit);
  }
}

/** What a number is found by: its digits, and the national part of an international one. */
export function termsOf(number: string): string[] {
  const digits = normalise(number);
  if (digits === '') return [];
  return digits.length > NATIONAL_DIGITS ? [digits, digits.slice(-NATIONAL_DIGITS)] : [digits];
}

function normalise(number: string): string {
  return number.replace(/[^0-9*#]/g, '');
}
