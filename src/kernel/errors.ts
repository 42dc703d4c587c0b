// The one error class that people see: a stable code for programs and one sentence that says what to do.

/** An error with a stable `code` and a message that is one clear sentence; never carries PHI. */
export class WardlineError extends Error {
  readonly code: string;

  constructor(code: string, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = 'WardlineError';
    this.code = code;
  }
}

/** The sentence of any thrown value, for the one place that prints it. */
export function sentenceOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The code of any thrown value: ours, Node's (`EADDRINUSE`), or `internal`. */
export function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : 'internal';
}
