// What `doctor` reads out of the running media server's counters: audio threads that were lost, floods of packets, lateness.
import type { Json } from '../../kernel/canonical.ts';
import { type Check, verdicts } from './checks.ts';

const { ok, warning } = verdicts;

/** Of the media server's `status`. */
export function mediaChecks(status: Json): Check[] {
  const counters = new Map(typeof status === 'object' && status !== null ? Object.entries(status) : []);
  const count = (name: string): number => Number(counters.get(name) ?? 0) || 0;
  const [lost, flooded] = [count('workersLost'), count('packetsFlooded')];
  return [
    lost === 0
      ? ok('audio threads', `${count('workers')} carry ${count('calls')} calls; none was lost since the start.`)
      : warning(
          'audio threads',
          `${lost} died or hung since the start, and their calls ended; send the log of the media server to the maintainers.`,
        ),
    flooded === 0
      ? ok('audio floods', 'Nobody has sent more audio packets than a call has.')
      : warning(
          'audio floods',
          `${flooded} packets were cut as a flood since the start; \`wardline call list --json\` names the calls (floodedPackets): look at those phones and at the carrier's line.`,
        ),
  ];
}
