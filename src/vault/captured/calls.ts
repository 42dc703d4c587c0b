// Call detail records: captured when a call ends, with the blind digests that they are found by.

import type { Handlers } from '../handlers.ts';
import type { InnerCore } from '../store/inner-core.ts';

const NATIONAL_DIGITS = 10;

export function callHandlers(core: InnerCore): Pick<Handlers, 'cdr.put'> {
  const { db } = core;
  const addNumber = db.prepare('INSERT INTO call_numbers (digest, seq) VALUES (?, ?)');
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
  };
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
