// What people added to a call, message or recording is destroyed with it.
import type { InnerCore } from '../store/inner-core.ts';
import type { InnerTransaction } from '../store/transact.ts';

/** Inside the transaction that destroys the subject. */
export function disposeNotes({ db, notes }: InnerCore, tx: InnerTransaction, subject: string): void {
  const rows = db.prepare('SELECT row FROM notes WHERE subject = ?').pluck().all(subject) as string[];
  for (const row of rows) notes.dispose(tx, row);
}
