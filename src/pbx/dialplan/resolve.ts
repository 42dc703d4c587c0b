// A destination followed through opening hours and the operator, down to what call control can do at once.
import type { UtcMs } from '../../kernel/clock.ts';
import type { CallStep } from '../../model/cdr.ts';
import type { Clinic, Destination } from '../../model/clinic.ts';
import { isOpen } from './hours.ts';

/** Something to ring, play or end; a prompt's `then` is resolved once it was played. */
export type ReadyDestination = Exclude<Destination, { readonly to: 'hours' } | { readonly to: 'operator' }>;

export interface Resolved {
  readonly destination: ReadyDestination;
  /** The hours that were asked on the way, for the call's record. */
  readonly steps: readonly Pick<CallStep, 'kind' | 'name'>[];
}

/** A valid clinic needs far fewer; one that goes round in a circle hangs up instead of never ending. */
const MOST_HOPS = 32;

export function resolveDestination(first: Destination, clinic: Clinic, now: UtcMs): Resolved {
  const steps: Pick<CallStep, 'kind' | 'name'>[] = [];
  let destination = first;
  for (let hop = 0; hop < MOST_HOPS; hop++) {
    if (destination.to === 'operator') {
      destination = clinic.operator;
    } else if (destination.to === 'hours') {
      const { schedule: id, open, closed } = destination;
      const schedule = clinic.schedules.find((candidate) => candidate.id === id);
      steps.push({ kind: 'hours', name: id });
      destination = schedule !== undefined && isOpen(schedule, clinic.timeZone, now) ? open : closed;
    } else {
      return { destination, steps };
    }
  }
  return { destination: { to: 'hang-up' }, steps };
}
