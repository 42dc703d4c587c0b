// Names of prompts (`digits/3`) as the files that the media server plays.

export function prompts(names: readonly string[]): string[] {
  return names.map((name) => `${name}.wav`);
}
