// What a transaction machine is made of: a table of state and input, and the pure step through it (RFC 3261 §17, RFC 6026).

/** RFC 3261 table 4 and RFC 6026 §6, by their letter. */
export type TimerName = 'a' | 'b' | 'd' | 'e' | 'f' | 'g' | 'h' | 'i' | 'j' | 'k' | 'l' | 'm';

/** `backoff` starts the timer again for twice as long; `start-e-at-t2` is what a provisional does to timer E. */
export type TimerAction =
  | `start-${TimerName}`
  | `stop-${TimerName}`
  | 'backoff-a'
  | 'backoff-e'
  | 'backoff-g'
  | 'start-e-at-t2';

/**
 * What the owner is to do. `send`: put the message just given on the wire and keep it; `resend`: the kept one again;
 * `send-ack`: acknowledge the final response just received; `pass`: hand the message just received to the user.
 */
export type Effect = 'send' | 'resend' | 'send-ack' | 'pass' | 'report-timeout' | 'report-transport-error';

export type TransactionAction = Effect | TimerAction;

export type TransactionState =
  | 'initial'
  | 'calling'
  | 'trying'
  | 'proceeding'
  | 'completed'
  | 'confirmed'
  | 'accepted'
  | 'terminated';

export type TransactionInput =
  | `timer-${TimerName}`
  | 'transport-error'
  /** The user's request, of a client; the request from the wire, new or again, of a server. */
  | 'request'
  | 'ack'
  /** A CANCEL was sent for this INVITE. */
  | 'cancel'
  | '1xx'
  | '2xx'
  | '3xx-6xx'
  | 'tu-1xx'
  | 'tu-2xx'
  | 'tu-3xx-6xx';

export type Cell = readonly [next: TransactionState, ...actions: readonly TransactionAction[]];
export type Row = { readonly [Input in TransactionInput]?: Cell };

export interface TransactionTable {
  readonly kind: 'invite-client' | 'invite-server' | 'non-invite-client' | 'non-invite-server';
  readonly rows: { readonly [State in TransactionState]?: Row };
}

/** The next state and what to do, or undefined when the table lacks the pair. */
export function step(table: TransactionTable, state: TransactionState, input: TransactionInput): Cell | undefined {
  return table.rows[state]?.[input];
}
