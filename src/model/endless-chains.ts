// Chains of destinations that a call would follow for ever when nobody answers and nothing is pressed.
import type { Clinic, Destination } from './clinic.ts';

export interface EndlessChain {
  /** The places passed, ending with the first again: `extension 1001`, `hunt group front-desk`, `extension 1001`. */
  readonly path: readonly string[];
  /** The destination that closes the circle. */
  readonly destination: Destination;
}

/** A place, and where a call goes on to from it by itself. Mailboxes and hanging up go nowhere. */
interface Place {
  readonly name: string;
  readonly next: readonly Destination[];
}

export function findEndlessChains(clinic: Clinic): EndlessChain[] {
  const chains: EndlessChain[] = [];
  const finished = new Set<string>();
  const visit = (place: Place, path: readonly string[]): void => {
    if (finished.has(place.name)) return;
    const here = [...path, place.name];
    for (const destination of place.next.flatMap(leaves)) {
      const next = placeOf(destination, clinic);
      if (next === undefined) continue;
      const since = here.indexOf(next.name);
      if (since >= 0) chains.push({ path: [...here.slice(since), next.name], destination });
      else visit(next, here);
    }
    finished.add(place.name);
  };
  for (const place of allPlaces(clinic)) visit(place, []);
  return chains;
}

function allPlaces(clinic: Clinic): Place[] {
  const destinations: Destination[] = [
    { to: 'operator' },
    ...clinic.extensions.map(({ number }): Destination => ({ to: 'extension', number })),
    ...clinic.huntGroups.map(({ id }): Destination => ({ to: 'hunt-group', id })),
    ...clinic.menus.map(({ id }): Destination => ({ to: 'menu', id })),
  ];
  return destinations.flatMap((destination) => placeOf(destination, clinic) ?? []);
}

/** Where a destination leads by itself: through hours and what is said. */
function leaves(destination: Destination): Destination[] {
  if (destination.to === 'hours') return [...leaves(destination.open), ...leaves(destination.closed)];
  if (destination.to === 'prompt') return leaves(destination.then);
  return [destination];
}

function placeOf(destination: Destination, clinic: Clinic): Place | undefined {
  switch (destination.to) {
    case 'operator':
      return { name: 'the operator', next: [clinic.operator] };
    case 'extension': {
      const found = clinic.extensions.find(({ number }) => number === destination.number);
      return found && { name: `extension ${found.number}`, next: [found.onNoAnswer] };
    }
    case 'hunt-group': {
      const found = clinic.huntGroups.find(({ id }) => id === destination.id);
      return found && { name: `hunt group ${found.id}`, next: [found.onNoAnswer] };
    }
    case 'menu': {
      const found = clinic.menus.find(({ id }) => id === destination.id);
      return found && { name: `menu ${found.id}`, next: [found.onFailure] };
    }
    default:
      return undefined;
  }
}
