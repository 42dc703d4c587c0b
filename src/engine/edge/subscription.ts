// A subscription whose end nobody tells us of does not stay for ever (RFC 6665 §4.1.2, §4.2.1).
import { parseSeconds } from '../../protocol/sip/fields.ts';
import type { EdgeContext } from './context.ts';
import type { Dialog } from './dialog.ts';

/** After its last NOTIFY was due, a subscription is kept this much longer. */
const GRACE_MS = 64_000;
const DEFAULT_SECONDS = 3_600;
/** The longest that a timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Counts from now; `expires` is the header of the SUBSCRIBE or its answer. */
export function keepUntilExpiry({ clock, dialogs }: EdgeContext, dialog: Dialog, expires: string | undefined): void {
  dialog.expiry?.[Symbol.dispose]();
  if (dialog.state === 'ended') return;
  const afterMs = Math.min((parseSeconds(expires) ?? DEFAULT_SECONDS) * 1000 + GRACE_MS, MAX_TIMER_MS);
  dialog.expiry = clock.after(afterMs, () => dialogs.remove(dialog));
}
