// Events on their way to the event sockets: the headers common to all of them, and delivery to who subscribed.
import type { EventFields, FieldValue } from '../../../protocol/event-socket/frame.ts';
import type { MediaHost } from './host.ts';
import { HOST_NAME } from './identity.ts';

/** One event socket, as the hub sees it. */
export interface EventListener {
  hears(name: string, subclass?: string): boolean;
  deliver(fields: EventFields): void;
}

export type Fields = ReadonlyArray<readonly [name: string, value: FieldValue]>;

export class EventHub {
  readonly #host: MediaHost;
  readonly #listeners = new Set<EventListener>();
  #sequence = 0;

  constructor(host: MediaHost) {
    this.#host = host;
    this.#listeners.add(host.consoles);
  }

  add(listener: EventListener): void {
    this.#listeners.add(listener);
  }

  remove(listener: EventListener): void {
    this.#listeners.delete(listener);
  }

  /** Builds the event once, and only when somebody hears it. */
  publish(name: string, fields: () => Fields): void {
    this.#sequence++;
    let event: EventFields | undefined;
    for (const listener of this.#listeners) {
      if (!listener.hears(name)) continue;
      event ??= this.build(name, fields());
      listener.deliver(event);
    }
  }

  /** A CUSTOM event: its subclass comes before its name (contract, appendix A). */
  publishCustom(subclass: string, fields: () => Fields): void {
    this.#sequence++;
    let event: EventFields | undefined;
    for (const listener of this.#listeners) {
      if (!listener.hears('CUSTOM', subclass)) continue;
      event ??= new Map<string, FieldValue>([['Event-Subclass', subclass], ...this.build('CUSTOM', fields())]);
      listener.deliver(event);
    }
  }

  /** The common headers of §5.4 of the contract, then `fields`. */
  build(name: string, fields: Fields): EventFields {
    const now = this.#host.clock.now();
    return new Map<string, FieldValue>([
      ['Event-Name', name],
      ['Core-UUID', this.#host.coreUuid],
      ['FreeSWITCH-Hostname', HOST_NAME],
      ['FreeSWITCH-Switchname', HOST_NAME],
      ['FreeSWITCH-IPv4', this.#host.address],
      ['FreeSWITCH-IPv6', '::1'],
      ['Event-Date-Local', timeStamp(now)],
      ['Event-Date-GMT', new Date(now).toUTCString()],
      ['Event-Date-Timestamp', String(now * 1000)],
      ['Event-Calling-File', 'media-server'],
      ['Event-Calling-Function', 'publish'],
      ['Event-Calling-Line-Number', '1'],
      ['Event-Sequence', String(this.#sequence)],
      ...fields,
    ]);
  }
}

/** `2026-11-22 10:15:00`, in UTC: how FreeSWITCH prints a moment. */
export function timeStamp(utcMs: number): string {
  return new Date(utcMs).toISOString().slice(0, 19).replace('T', ' ');
}
