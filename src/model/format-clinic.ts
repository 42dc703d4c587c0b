// A clinic written back as YAML, for `export`: reading it again gives an equal clinic. Passwords are not in a clinic, so not here.
import { Document, visit } from 'yaml';
import type { Clinic, Destination, Extension, HuntGroup, IvrMenu, Mailbox, Prompt, Schedule, Trunk } from './clinic.ts';
import { compactDestination } from './destination-words.ts';
import { WEEKDAYS } from './read-places.ts';

/** Maps keep their order, which a plain object does not for keys such as 1001. */
type Yaml = string | readonly string[] | Map<string, Yaml>;
type Settings = Readonly<Record<string, Yaml | number | boolean | undefined>>;

export function formatClinicYaml(clinic: Clinic): string {
  const document = new Document(clinicMap(clinic), { schema: 'failsafe' });
  document.commentBefore = ` ${clinic.name.replaceAll(/\s+/g, ' ')}: exported from Wardline. Every setting is explained in config/clinic-template.yaml.`;
  visit(document, {
    Seq: (_, list) => {
      list.flow = true;
    },
  });
  return document.toString({ lineWidth: 110 });
}

function clinicMap(clinic: Clinic): Map<string, Yaml> {
  return settings({
    name: clinic.name,
    'time-zone': clinic.timeZone,
    'country-code': clinic.countryCode,
    operator: destinationYaml(clinic.operator),
    'voicemail-number': clinic.voicemailNumber,
    emergency: settings({
      numbers: new Map(Object.entries(clinic.emergency.numbers)),
      'callback-number': clinic.emergency.callbackNumber,
      notify: clinic.emergency.notify,
    }),
    recording: settings({
      notice: promptYaml(clinic.recording.notice),
      'mask-code': clinic.recording.maskCode,
      'pause-code': clinic.recording.pauseCode,
      'blank-digits': clinic.recording.blanksDigits,
    }),
    extensions: section(clinic.extensions, ({ number }) => number, extensionSettings),
    phones: section(
      clinic.phones,
      ({ username }) => username,
      ({ extension, label }) => ({ extension, label }),
    ),
    mailboxes: section(clinic.mailboxes, ({ number }) => number, mailboxSettings),
    trunks: section(clinic.trunks, ({ id }) => id, trunkSettings),
    dids: section(
      clinic.dids,
      ({ number }) => number,
      ({ name, destination, isRecorded }) => ({
        name,
        destination: destinationYaml(destination),
        recorded: isRecorded,
      }),
    ),
    'hunt-groups': section(clinic.huntGroups, ({ id }) => id, huntGroupSettings),
    menus: section(clinic.menus, ({ id }) => id, menuSettings),
    schedules: section(clinic.schedules, ({ id }) => id, scheduleSettings),
  });
}

function extensionSettings({ name, ringSeconds, onNoAnswer, isRecorded, callerId }: Extension): Settings {
  const destination = destinationYaml(onNoAnswer);
  return {
    name,
    'ring-seconds': ringSeconds,
    'on-no-answer': destination,
    recorded: isRecorded,
    'caller-id': callerId,
  };
}

function mailboxSettings({ name, greeting, maxSeconds }: Mailbox): Settings {
  return { name, greeting: greeting && promptYaml(greeting), 'max-seconds': maxSeconds };
}

function trunkSettings({ name, addresses, host, port, transport, srtp, callerId, isSample }: Trunk): Settings {
  return { name, addresses, host, port, transport, srtp, 'caller-id': callerId, sample: isSample };
}

function huntGroupSettings({ name, number, strategy, members, ringSeconds, onNoAnswer }: HuntGroup): Settings {
  const destination = destinationYaml(onNoAnswer);
  return { name, number, strategy, members, 'ring-seconds': ringSeconds, 'on-no-answer': destination };
}

function menuSettings(menu: IvrMenu): Settings {
  return {
    name: menu.name,
    prompt: promptYaml(menu.prompt),
    keys: new Map(Object.entries(menu.choices).map(([key, destination]) => [key, destinationYaml(destination)])),
    'dial-extensions': menu.canDialExtensions,
    'timeout-seconds': menu.timeoutSeconds,
    'inter-digit-seconds': menu.interDigitSeconds,
    attempts: menu.maxAttempts,
    'on-failure': destinationYaml(menu.onFailure),
    'operator-key': menu.operatorKey === '' ? 'none' : menu.operatorKey,
  };
}

function scheduleSettings({ name, open, closures }: Schedule): Settings {
  const days = WEEKDAYS.flatMap((day, index): [string, Yaml][] => {
    const hours = open.filter(({ weekday }) => weekday === index + 1).map(({ from, until }) => `${from}-${until}`);
    return hours.length === 0 ? [] : [[day, hours.join(', ')]];
  });
  return { name, open: new Map(days), closures: new Map(closures.map((closure) => [closure.date, closure.name])) };
}

function section<Item>(items: readonly Item[], keyOf: (item: Item) => string, write: (item: Item) => Settings): Yaml {
  return new Map(items.map((item) => [keyOf(item), settings(write(item))]));
}

function settings(values: Settings): Map<string, Yaml> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return new Map(entries.map(([key, value]) => [key, typeof value === 'object' ? value : String(value)]));
}

function destinationYaml(destination: Destination): Yaml {
  if (destination.to === 'hours') {
    const { schedule, open, closed } = destination;
    return settings({ hours: schedule, open: destinationYaml(open), closed: destinationYaml(closed) });
  }
  if (destination.to === 'prompt') {
    return new Map([
      ['prompt', promptYaml(destination.prompt)],
      ['then', destinationYaml(destination.then)],
    ]);
  }
  return compactDestination(destination) ?? '';
}

function promptYaml(prompt: Prompt): Yaml {
  return 'text' in prompt ? prompt.text : settings({ file: prompt.file });
}
