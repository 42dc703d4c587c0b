// An inline dialplan, applications one after the other: `inline` (mod_dialplan_inline), `&app(args)`, `xferext`, and a channel's way through one.

/** Steps of one dialplan; further ones are left out. */
const MAX_STEPS = 64;

export interface Step {
  readonly application: string;
  readonly data: string;
}

/** `app:args,app:args`; after `m:<character>:` that character parts them. */
export function parseInline(text: string): Step[] {
  const [, own, rest = ''] = /^m:(.):(.*)$/s.exec(text.trim()) ?? [];
  const parts = own === undefined ? text.split(',') : rest.split(own);
  return parts.map((part) => stepOf(part, ':')).filter(isNamed);
}

/** The `application` headers of a message, each `app args`. */
export function stepsOf(fields: ReadonlyArray<readonly [name: string, value: string]>): Step[] {
  const values = fields.filter(([name]) => name.toLowerCase() === 'application').map(([, value]) => value);
  return values.map((value) => stepOf(value, ' ')).filter(isNamed);
}

/** `&app(args)`, `&app`. */
export function parseApplication(text: string): Step | undefined {
  const [, application, data = ''] = /^&([^()\s]+)(?:\((.*)\)?)?$/s.exec(text.trim()) ?? [];
  return application === undefined ? undefined : { application, data: data.replace(/\)$/, '') };
}

function stepOf(text: string, separator: string): Step {
  const at = text.indexOf(separator);
  const [application, data] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  return { application: application.trim(), data: data.trim() };
}

function isNamed({ application }: Step): boolean {
  return application !== '';
}

/** What a channel can do for its dialplan. */
export interface Walker {
  run(step: Step): void;
  /** There is no further step. */
  finish(): void;
}

/** A channel's way through a dialplan, a step whenever the one before it has ended. */
export class DialplanWalk {
  readonly #walker: Walker;
  #steps: Step[] | undefined;

  constructor(walker: Walker) {
    this.#walker = walker;
  }

  get isUnderWay(): boolean {
    return this.#steps !== undefined;
  }

  begin(steps: readonly Step[]): void {
    this.#steps = steps.slice(0, MAX_STEPS);
    this.next();
  }

  next(): void {
    const step = this.#steps?.shift();
    if (this.#steps === undefined) return;
    if (step !== undefined) this.#walker.run(step);
    else {
      this.#steps = undefined;
      this.#walker.finish();
    }
  }

  /** It leads nowhere any more: the channel was moved, or waits. */
  leave(): void {
    this.#steps = undefined;
  }
}
