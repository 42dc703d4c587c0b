// Notices parties that went away without a word: a phone without power says no BYE (RFC 3261 §12.2.1.2, RFC 6141 in spirit).
import { codeOf } from '../../kernel/errors.ts';
import { within } from './ending.ts';
import type { LegContext } from './leg.ts';
import type { Media } from './media.ts';
import type { SrfDialog } from './srf-types.ts';

const CHECK_MS = 60_000;
const ANSWER_MS = 34_000;
/** RFC 3261 §12.2.1.2: these end the dialog. */
const GONE: ReadonlySet<number> = new Set([408, 481]);
/** RFC 3261 §8.1.3.1, RFC 5626 §5.3: the edge's words for a party that no connection reaches; it may be signing in again. */
const UNREACHABLE: ReadonlySet<number> = new Set([430, 503]);
const MAX_UNREACHABLE = 2;

/** Asks the party from time to time whether it is still there; calls `onGone` once when it is not. */
export function watchParty(dialog: SrfDialog, media: Media, { clock }: LegContext, onGone: () => void): void {
  let packetsBefore = -1;
  let unreachable = 0;
  const check = async () => {
    const isThere = await isAlive();
    if (media.ending.hasEnded) return;
    if (isThere) arm();
    else onGone();
  };
  const isAlive = async (): Promise<boolean> => {
    const packets = await media.packetsHeard().catch(() => -1);
    const isHeard = packets !== packetsBefore;
    packetsBefore = packets;
    if (isHeard) return true;
    try {
      const asked = dialog.request({ method: 'OPTIONS' });
      const { status } = await within(asked, { clock, ms: ANSWER_MS, what: 'asking a party' });
      unreachable = UNREACHABLE.has(status) ? unreachable + 1 : 0;
      return !GONE.has(status) && unreachable < MAX_UNREACHABLE;
    } catch (error) {
      // The edge was restarted and knows no dialog any more, or is away; the party is silent as well.
      return codeOf(error) === 'leg-timeout';
    }
  };
  let timer: Disposable | undefined;
  const arm = () => {
    timer = clock.after(CHECK_MS, () => void check());
  };
  arm();
  media.ending.onEnd(() => timer?.[Symbol.dispose]());
}
