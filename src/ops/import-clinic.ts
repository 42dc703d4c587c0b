// Importing a clinic: checked as a whole, its difference shown, its texts spoken, and then put in place in one audited step.
import { readdirSync } from 'node:fs';
import { WardlineError } from '../kernel/errors.ts';
import type { Clinic, Prompt } from '../model/clinic.ts';
import { diffClinics } from '../model/diff-clinics.ts';
import { formatClinicYaml } from '../model/format-clinic.ts';
import type { Problem } from '../model/parse-clinic.ts';
import { parseClinicYaml } from '../model/parse-clinic.ts';
import { textPrompts } from '../model/prompts.ts';
import type { Vault } from '../vault/contract.ts';
import type { Caller, PhonePassword } from '../vault/shapes.ts';
import { promptKey, speak } from './speech.ts';

export interface ImportPlan {
  readonly clinic: Clinic;
  readonly secrets: readonly PhonePassword[];
  /** What changes, one line each, for people. */
  readonly changes: readonly string[];
}

/** Checks the text against the prompts that came along and the clinic that is in place. */
export async function planImport(
  vault: Vault,
  text: string,
  soundsFolder: string,
): Promise<ImportPlan | { problems: readonly Problem[] }> {
  const parsed = parseClinicYaml(text, { promptFiles: promptFilesIn(soundsFolder) });
  if ('problems' in parsed) return parsed;
  const { clinic: before } = await vault.ask('clinic.get', {});
  const clinic = { ...parsed.clinic, trunks: parsed.clinic.trunks.filter((trunk) => !trunk.isSample) };
  return {
    clinic,
    secrets: parsed.secrets,
    changes: [
      ...diffClinics(before, clinic),
      ...parsed.secrets.map(({ username }) => `phone ${username}: password set`),
    ],
  };
}

/** `voicemail/greeting` for each WAV file under the folder. */
function promptFilesIn(soundsFolder: string): ReadonlySet<string> {
  const files = readdirSync(soundsFolder, { recursive: true, encoding: 'utf8' });
  return new Set(files.filter((file) => file.endsWith('.wav')).map((file) => file.slice(0, -'.wav'.length)));
}

/** Speaks the clinic's own texts, then replaces the clinic; a text that cannot be spoken changes nothing. */
export async function importClinic(vault: Vault, plan: ImportPlan, caller: Caller): Promise<{ version: number }> {
  await speakTexts(vault, textPrompts(plan.clinic), caller);
  const { clinic, secrets: passwords, changes } = plan;
  return vault.ask('clinic.put', { caller, clinic, passwords, summary: `${changes.length} changes` });
}

async function speakTexts(vault: Vault, prompts: readonly Prompt[], caller: Caller): Promise<void> {
  for (const prompt of prompts) {
    if (!('text' in prompt)) continue;
    const key = promptKey(prompt.text);
    const { found } = await vault.ask('prompts.get', { key });
    if (!found) await vault.ask('prompts.put', { caller, key }, await speak(prompt.text));
  }
}

/** The clinic with an extension, its phone and its mailbox more; checked as an import is. */
export function withExtension(clinic: Clinic, added: Pick<Clinic, 'extensions' | 'phones' | 'mailboxes'>): Clinic {
  const next = {
    ...clinic,
    extensions: [...clinic.extensions, ...added.extensions],
    phones: [...clinic.phones, ...added.phones],
    mailboxes: [...clinic.mailboxes, ...added.mailboxes],
  };
  const number = added.extensions[0]?.number;
  if (clinic.extensions.some((extension) => extension.number === number)) {
    throw new WardlineError(
      'extension-exists',
      `Extension ${number} exists already; choose another number, or see \`wardline extension list\`.`,
    );
  }
  const checked = parseClinicYaml(formatClinicYaml(next));
  if ('problems' in checked) {
    throw new WardlineError('clinic-invalid', checked.problems[0]?.message ?? 'The clinic would not be valid.');
  }
  return next;
}
