// Lays the clinic's own spoken texts out as files on RAM, where the media server plays them from; other prompts are files already.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clinic, Prompt } from '../model/clinic.ts';
import { textPrompts } from '../model/prompts.ts';
import type { Vault } from '../vault/contract.ts';
import { promptKey } from './speech.ts';

export class PromptFolder {
  readonly #folder: string;
  readonly #vault: Vault;

  constructor(folder: string, vault: Vault) {
    this.#folder = folder;
    this.#vault = vault;
  }

  /** Fetches what is not there yet. Answers the texts that nobody has spoken, which callers would miss. */
  async layOut(clinic: Clinic): Promise<{ missing: number }> {
    let missing = 0;
    for (const prompt of textPrompts(clinic)) {
      const file = this.pathOf(prompt);
      if (existsSync(file) || !('text' in prompt)) continue;
      const { answer, body } = await this.#vault.askForBytes('prompts.get', { key: promptKey(prompt.text) });
      if (answer.found) writeFileSync(file, body, { mode: 0o600 });
      else missing++;
    }
    return { missing };
  }

  /** The file of a prompt: absolute for the clinic's own, under the media server's sounds folder for those that came along. */
  pathOf(prompt: Prompt): string {
    return 'text' in prompt ? join(this.#folder, `${promptKey(prompt.text)}.wav`) : `${prompt.file}.wav`;
  }
}
