// What answers an operation: one handler each, who asks it, and answers with a binary part.
import type { AnswerTo, Ask, VaultOperation } from './contract.ts';

/** Who asks, as far as the link tells. */
export interface AskContext {
  /** The peer's role: `controller`, `cli`, `main`, or `local` inside one process. */
  readonly role: string;
  /** Persons whose session this link has shown, and its token, by user id; see `authorization.ts`. */
  readonly persons?: Map<string, string>;
}

/** An answer with a binary part. */
export class WithBody<Answer> {
  readonly answer: Answer;
  readonly body: Uint8Array;

  constructor(answer: Answer, body: Uint8Array) {
    this.answer = answer;
    this.body = body;
  }
}

export type Answered<Operation extends VaultOperation> = AnswerTo<Operation> | WithBody<AnswerTo<Operation>>;

/** One handler an operation. What it throws reaches the asker; a `WardlineError` with its code and sentence. */
export type Handlers = {
  readonly [Operation in VaultOperation]: (
    ask: Ask<Operation>,
    body: Uint8Array,
    context: AskContext,
  ) => Answered<Operation> | Promise<Answered<Operation>>;
};
