// Every prompt that a clinic uses, wherever it stands, so that its texts can be spoken and laid out.
import type { Clinic, Destination, Prompt } from './clinic.ts';

/** All prompts of the clinic, those inside destinations included, each place once. */
export function promptsOf(clinic: Clinic): Prompt[] {
  const destinations = [
    clinic.operator,
    ...clinic.extensions.map((extension) => extension.onNoAnswer),
    ...clinic.dids.map((did) => did.destination),
    ...clinic.huntGroups.map((group) => group.onNoAnswer),
    ...clinic.menus.flatMap((menu) => [...Object.values(menu.choices), menu.onFailure]),
  ];
  return [
    clinic.recording.notice,
    ...clinic.menus.map((menu) => menu.prompt),
    ...clinic.mailboxes.flatMap((mailbox) => (mailbox.greeting === undefined ? [] : [mailbox.greeting])),
    ...destinations.flatMap(promptsIn),
  ];
}

/** The texts that must be spoken for this clinic, each once. */
export function textPrompts(clinic: Clinic): Prompt[] {
  const byText = new Map(
    promptsOf(clinic).flatMap((prompt) => ('text' in prompt ? [[prompt.text, prompt] as const] : [])),
  );
  return [...byText.values()];
}

function promptsIn(destination: Destination): Prompt[] {
  switch (destination.to) {
    case 'prompt':
      return [destination.prompt, ...promptsIn(destination.then)];
    case 'hours':
      return [...promptsIn(destination.open), ...promptsIn(destination.closed)];
    default:
      return [];
  }
}
