// The bootstrap file: folders, listeners and roles, all that is needed before the vault opens. It holds no secret; the vault holds the rest.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Static } from 'typebox';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import type { HostPort } from '../kernel/ip.ts';
import { isIP } from '../kernel/ip.ts';
import type { EdgeListener, MediaBoot } from './boot.ts';
import type { Environment } from './env.ts';

const Port = Type.Integer({ minimum: 0, maximum: 65535 });
const Host = Type.String({ minLength: 1 });

const ClientCertificates = Type.Object(
  { mode: Type.Union([Type.Literal('request'), Type.Literal('require')]), ca: Type.String({ minLength: 1 }) },
  { additionalProperties: false },
);

const Codec = Type.Union([Type.Literal('PCMU'), Type.Literal('PCMA'), Type.Literal('G722'), Type.Literal('opus')]);

const Schema = Type.Object(
  {
    'host-name': Type.String({ pattern: '^[A-Za-z0-9.-]+$' }),
    address: Host,
    phones: Type.Object(
      { tls: Port, wss: Type.Optional(Port), 'client-certificates': Type.Optional(ClientCertificates) },
      { additionalProperties: false },
    ),
    carriers: Type.Object({ udp: Port, tcp: Port }, { additionalProperties: false }),
    audio: Type.Object(
      {
        'first-port': Port,
        'last-port': Port,
        workers: Type.Optional(Type.Integer({ minimum: 0, maximum: 32 })),
        codecs: Type.Optional(Type.Array(Codec, { minItems: 1, maxItems: 4, uniqueItems: true })),
      },
      { additionalProperties: false },
    ),
    console: Type.Object({ host: Host, port: Port }, { additionalProperties: false }),
    roles: Type.Object(
      { edge: Type.Literal('embedded'), media: Type.Literal('embedded') },
      { additionalProperties: false },
    ),
    folders: Type.Object(
      { data: Type.String(), keys: Type.String(), logs: Type.String() },
      { additionalProperties: false },
    ),
    'audit-heads': Type.Optional(Type.Union([Type.Literal('file'), Type.Literal('syslog')])),
    'log-level': Type.Union([Type.Literal('error'), Type.Literal('warn'), Type.Literal('info'), Type.Literal('debug')]),
  },
  { additionalProperties: false },
);

export interface Bootstrap {
  readonly file: string;
  /** In certificates, the console's URL and SIP domains. */
  readonly hostName: string;
  /** Where phones and carriers reach the appliance; also in its SDP. */
  readonly address: string;
  readonly listeners: readonly EdgeListener[];
  readonly console: HostPort;
  readonly rtpPorts: { readonly first: number; readonly last: number };
  /** Threads that carry audio; one fewer than there are cores when undefined. */
  readonly audioWorkers: number | undefined;
  /** What parties are offered, in that order; G.711 when absent. */
  readonly audioCodecs: MediaBoot['codecs'];
  readonly dataFolder: string;
  readonly keyFile: string;
  /** Of the systemd unit, when there is one. */
  readonly credentialsFolder: string | undefined;
  readonly headsFile: string;
  /** Where secrets of the first start go when no terminal is there to show them. */
  readonly firstSecretsFile: string;
  readonly logFolder: string;
  /** Signed heads of the audit trail go to syslog, beside the file next to the key. */
  readonly headsToSyslog: boolean;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
}

const template = ({
  firstAddress,
  firstHostName,
}: Environment) => `# Wardline's bootstrap file: what is needed before the vault opens. No secret belongs here.
# Everything else (extensions, menus, trunks, people) lives in the vault: see \`wardline import --help\`.

# The name in certificates and in the console's address. Phones that check names must reach it by this one.
host-name: ${firstHostName ?? 'localhost'}

# The address that phones and carriers reach this appliance at. 127.0.0.1 serves this machine alone;
# put the clinic network's address here to serve its phones.
address: ${firstAddress ?? '127.0.0.1'}

# SIP over TLS; phones get nothing else. wss: 7443 beside it serves phones in browsers (SIP over WebSocket), on pages of this
# appliance's own addresses. client-certificates: { mode: require, ca: phones-ca.pem } lets in phones alone that show a
# certificate of that CA, beside their password; with mode: request it is checked when there is one.
phones: { tls: 5061 }
carriers: { udp: 5060, tcp: 5060 }  # trunks, checked by source address
# workers: 3 beside the ports puts audio on so many threads, else one fewer than there are cores. codecs: [opus, G722, PCMU, PCMA]
# speaks those in that order, else PCMU and PCMA; a phone that knows nothing but another is taken as it is.
audio: { first-port: 20000, last-port: 20999 }
console: { host: 127.0.0.1, port: 8443 }
roles: { edge: embedded, media: embedded }

# Relative to this file. The keys belong on another file system than the data: a stolen disk that holds both can be read.
folders: { data: data, keys: keys, logs: logs }
# Signed heads of the audit trail are written beside the keys; \`syslog\` hands them to the machine's syslog too, which can send them on.
audit-heads: file
log-level: info
`;

/** Reads the bootstrap file; when it is not there yet, writes it with its defaults, or says that there is no appliance. */
export function loadBootstrap(environment: Environment, whenMissing: 'write' | 'refuse' = 'write'): Bootstrap {
  const file = join(environment.varFolder, 'wardline.yaml');
  if (!existsSync(file)) {
    if (whenMissing === 'refuse') throw noAppliance(environment);
    const first = template(environment);
    check(file, parseYaml(file, first));
    writeFirst(file, first);
  }
  return toBootstrap(file, check(file, parseYaml(file, readFileSync(file, 'utf8'))), environment);
}

function noAppliance({ varFolder }: Environment): WardlineError {
  return new WardlineError(
    'no-appliance',
    `There is no appliance in ${varFolder}; name its folder with WARDLINE_VAR, or make one with \`wardline init\` or \`npm start\`.`,
  );
}

/** What the certificates name, so that phones and browsers find it there. */
export function certificateNames({ hostName, address, console }: Bootstrap): { hostName: string; addresses: string[] } {
  return {
    hostName,
    addresses: [...new Set([address, console.host])].filter((each) => !/^(0\.0\.0\.0|::)$/.test(each)),
  };
}

/** The console's address as a person types it. */
export function consoleUrl({ hostName, console }: Pick<Bootstrap, 'hostName' | 'console'>): string {
  return `https://${hostName}:${console.port}`;
}

/** One by one, each made with its mode: the runtime's own `recursive` never comes back from a place like /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder, { mode: 0o700 });
}

function writeFirst(file: string, text: string): void {
  try {
    makeFolder(dirname(file));
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  } catch (thrown) {
    throw new WardlineError(
      codeOf(thrown),
      `The folder ${dirname(file)} cannot be written (${codeOf(thrown)}); make it writable for this user, or name another with WARDLINE_VAR.`,
      { cause: thrown },
    );
  }
}

function parseYaml(file: string, text: string): unknown {
  try {
    return parse(text);
  } catch (thrown) {
    const first = thrown instanceof Error ? thrown.message.split('\n')[0] : String(thrown);
    throw new WardlineError('bootstrap-invalid', `${file} is not valid YAML: ${first} Correct that line.`, {
      cause: thrown,
    });
  }
}

function check(file: string, value: unknown): Static<typeof Schema> {
  if (!Value.Check(Schema, value)) {
    throw new WardlineError('bootstrap-invalid', `${file}: ${faultIn(value)}. Correct it and start again.`);
  }
  for (const address of [value.address, value.console.host]) {
    if (isIP(address) === 0) {
      throw new WardlineError(
        'bootstrap-invalid',
        `${file}: '${address}' is not an IP address; write one such as 192.168.1.10.`,
      );
    }
  }
  if (value.audio['last-port'] - value.audio['first-port'] < 20) {
    throw new WardlineError(
      'bootstrap-invalid',
      `${file}: the audio ports must span at least 20; widen first-port to last-port.`,
    );
  }
  return value;
}

/** What a person can do about a value that the schema's own words say poorly. */
const REMEDIES: Readonly<Record<string, string>> = {
  'the file': 'must hold the settings of the appliance, one a line',
  'host-name': 'must be a name of letters, digits, dots and hyphens',
  'roles.edge': "must be 'embedded'; this version has no other",
  'roles.media': "must be 'embedded'; this version has no other",
  'log-level': 'must be error, warn, info or debug',
  'phones.client-certificates': 'must be { mode: request, ca: FILE } or { mode: require, ca: FILE }',
  'phones.client-certificates.mode': 'must be request or require',
};

function faultIn(value: unknown): string {
  const unknown = unknownKeyIn(value);
  if (unknown !== undefined) return `there is no setting '${unknown}'; check its spelling`;
  const fault = Value.Errors(Schema, value)[0];
  const place = fault?.instancePath.slice(1).replaceAll('/', '.') || 'the file';
  const isAbsent = fault?.keyword === 'required';
  return `${place} ${(isAbsent ? undefined : REMEDIES[place]) ?? fault?.message ?? 'is not understood'}`;
}

function unknownKeyIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.keys(value).find((key) => !(key in Schema.properties));
}

function phoneListeners(
  { phones, address: host, console, 'host-name': hostName }: Static<typeof Schema>,
  pathOf: (name: string) => string,
): EdgeListener[] {
  const asked = phones['client-certificates'];
  const clients = asked === undefined ? {} : { clients: { mode: asked.mode, ca: readCa(pathOf(asked.ca)) } };
  const tls: EdgeListener = { name: 'phones', transport: 'tls', host, port: phones.tls, ...clients };
  if (phones.wss === undefined) return [tls];
  const origins = [...new Set([hostName, host, console.host])];
  return [tls, { name: 'phones', transport: 'wss', host, port: phones.wss, origins, ...clients }];
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new WardlineError(
      'bootstrap-invalid',
      `${path} cannot be read (${codeOf(cause)}); name the PEM file of the CA that signed the phones' certificates.`,
      { cause },
    );
  }
}

function toBootstrap(file: string, value: Static<typeof Schema>, { credentialsFolder }: Environment): Bootstrap {
  const folder = (name: string) => resolve(dirname(file), name);
  const keys = folder(value.folders.keys);
  const host = value.address;
  return {
    file,
    hostName: value['host-name'],
    address: host,
    listeners: [
      ...phoneListeners(value, folder),
      { name: 'carrier', transport: 'udp', host, port: value.carriers.udp },
      { name: 'carrier', transport: 'tcp', host, port: value.carriers.tcp },
      { name: 'inner', transport: 'udp', host: '127.0.0.1', port: 0 },
    ],
    console: value.console,
    rtpPorts: { first: value.audio['first-port'], last: value.audio['last-port'] },
    audioWorkers: value.audio.workers,
    audioCodecs: value.audio.codecs,
    dataFolder: folder(value.folders.data),
    keyFile: join(keys, 'wardline.key'),
    credentialsFolder,
    headsFile: join(keys, 'audit-heads.jsonl'),
    firstSecretsFile: join(keys, 'FIRST-START-SECRETS.txt'),
    logFolder: folder(value.folders.logs),
    headsToSyslog: value['audit-heads'] === 'syslog',
    logLevel: value['log-level'],
  };
}
