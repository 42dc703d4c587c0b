// The `event` application: tells listeners an event of the controller's own, with all that is known of the channel (FreeSWITCH's mod_dptools).
import { splitAssignment } from '../../../protocol/event-socket/arguments.ts';
import type { Execution } from '../channel/application.ts';

const MAX_FIELDS = 25;
const NAMES: ReadonlySet<string> = new Set(['event-name', 'event-subclass']);

/** `Event-Name=CUSTOM,Event-Subclass=ward::told,colour=green`: without a name it is CHANNEL_APPLICATION. */
export function event({ channel, argument }: Execution): undefined {
  const fields = argument.split(',', MAX_FIELDS).map((word) => splitAssignment(word.trim()));
  const find = (wanted: string) => fields.find(({ name }) => name.toLowerCase() === wanted)?.value;
  const told = fields.filter(({ name }) => name !== '' && !NAMES.has(name.toLowerCase()));
  channel.publish(
    find('event-name')?.toUpperCase() ?? 'CHANNEL_APPLICATION',
    told.map(({ name, value }) => [name, value]),
    find('event-subclass'),
  );
}
