// An IVR menu: a prompt that a key interrupts, choices, the operator's key, dialling an extension, and a limit to patience.
import type { Clinic, Destination, IvrMenu } from '../../model/clinic.ts';
import type { Call } from '../call/call.ts';
import type { Media } from '../leg/media.ts';
import { Digits } from './digits.ts';

export type Choice = { readonly to: Destination } | { readonly wrong: 'no-input' | 'invalid-key' };

/** Plays `menu` until the caller chose or ran out of attempts; undefined when the caller left. */
export async function runMenu(call: Call, menu: IvrMenu): Promise<Destination | undefined> {
  call.step('menu', menu.id);
  const media = await call.answer();
  using digits = new Digits(media, call.services.clock);
  const prompt = call.services.promptPath(menu.prompt);
  for (let attempt = 1; attempt <= menu.maxAttempts; attempt++) {
    await digits.playUnlessPressed([prompt]);
    const choice = await readChoice(digits, menu, call.services.clinic());
    if (media.ending.hasEnded) return undefined;
    if ('to' in choice) return choice.to;
    await complain(media, digits, choice.wrong, attempt < menu.maxAttempts);
  }
  return menu.onFailure;
}

async function complain(
  media: Media,
  digits: Digits,
  wrong: 'no-input' | 'invalid-key',
  hasMore: boolean,
): Promise<void> {
  digits.clear();
  if (wrong === 'invalid-key') await media.play(['menu/invalid-key.wav']);
  else if (hasMore) await digits.playUnlessPressed(['menu/no-input.wav']);
}

async function readChoice(digits: Digits, menu: IvrMenu, clinic: Clinic): Promise<Choice> {
  const choices = choicesOf(menu, clinic);
  let pressed = await digits.next(menu.timeoutSeconds * 1000);
  if (pressed === undefined) return { wrong: 'no-input' };
  for (;;) {
    const exact = choices.get(pressed);
    const canGrow = [...choices.keys()].some(
      (key) => key.length > (pressed ?? '').length && key.startsWith(pressed ?? ''),
    );
    if (!canGrow) return exact === undefined ? { wrong: 'invalid-key' } : { to: exact };
    const more = await digits.next(menu.interDigitSeconds * 1000);
    if (more === undefined || more === '#') return exact === undefined ? { wrong: 'invalid-key' } : { to: exact };
    pressed += more;
  }
}

/** Everything that can be entered; the menu's own keys come before extensions that are the same. */
function choicesOf(menu: IvrMenu, clinic: Clinic): ReadonlyMap<string, Destination> {
  const choices = new Map<string, Destination>();
  if (menu.canDialExtensions) {
    for (const { number } of clinic.extensions) choices.set(number, { to: 'extension', number });
    for (const { number, id } of clinic.huntGroups)
      if (number !== undefined) choices.set(number, { to: 'hunt-group', id });
  }
  if (menu.operatorKey !== '') choices.set(menu.operatorKey, { to: 'operator' });
  for (const [key, destination] of Object.entries(menu.choices)) choices.set(key, destination);
  return choices;
}
