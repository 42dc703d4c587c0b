// `wardline edge`: the SIP edge alone, in the place of drachtio-server, for applications on drachtio-srf and their test suites.
import { once } from 'node:events';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { createEdge, type Edge, type EdgeListenerOptions } from '../../engine/edge/edge.ts';
import type { RequestHandler } from '../../engine/edge/request-handlers.ts';
import { systemClock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { HostPort } from '../../kernel/ip.ts';
import { createLogger } from '../../kernel/logger.ts';
import { parseAppPlace } from '../../protocol/drachtio-wire/handler.ts';
import { readText } from '../files.ts';
import { formatHostPort, parseHostPort } from '../host-port.ts';

interface Options {
  readonly admin: HostPort;
  readonly adminTls?: HostPort;
  readonly secret: string;
  readonly listen: readonly EdgeListenerOptions[];
  readonly cert?: string;
  readonly key?: string;
  readonly clientCa?: string;
  readonly clientCerts: 'request' | 'require';
  readonly origin?: readonly string[];
  readonly trust?: string;
  readonly exempt: readonly string[];
  readonly requestHandler: readonly RequestHandler[];
  readonly log: 'silent' | 'error' | 'warn' | 'info' | 'debug';
}

const PROFILES = ['phones', 'carrier'] as const;
const TRANSPORTS = ['udp', 'tcp', 'tls', 'ws', 'wss'] as const;
const HELP = `
Applications connect with \`srf.connect({ host: '127.0.0.1', port: 9022, secret: 'S' })\`, as to drachtio-server; to the port
of --admin-tls with \`tls: { ca }\` beside, where \`ca\` is what signed --cert.

A listener is [profile:]transport/address:port, and --listen may be given several times:
  udp/127.0.0.1:5060            neutral: answers everybody and bans nobody, as drachtio-server does
  tls/0.0.0.0:5061              SIP over TLS 1.2 and 1.3; needs --cert and --key
  wss/0.0.0.0:7443              SIP over WebSocket inside TLS, for browsers (RFC 7118); needs --cert and --key
  ws/127.0.0.1:7080             the same in clear
  phones:tls/0.0.0.0:5061       for phones: scanners and guessers get silence and are banned for a growing time
  carrier:udp/192.0.2.5:5060    the same for trunks; name their addresses with --exempt
  tcp/[::1]:5060                IPv6 in brackets; port 0 lets the system choose

A request handler decides about each new request, before applications that connected to us are asked:
  http://127.0.0.1:8080/                 asked by GET; answers {"action":"route","data":{"uri":"127.0.0.1:3001"}}, or
                                         {"action":"route","data":{"tag":"sales"}}, reject, redirect, proxy, as for drachtio-server
  "INVITE POST http://127.0.0.1:8080/"   for one method alone; POST carries the message
  "MESSAGE tcp://127.0.0.1:3001"         nobody is asked: we connect to the application there (tls:// too)

With --client-ca, peers on tls and wss are asked for a certificate of their own; what one proves is told to the application
in the header X-Wardline-Client-Subject, which nobody outside can write. To applications a WebSocket is \`tcp\`, as with drachtio-server.

It says what it listens at, one line each, and runs until Ctrl-C or SIGTERM. SIGHUP reads --cert and --key again; nothing else
is read twice, as with drachtio-server.`;

export function addEdgeCommand(program: Command): void {
  program
    .command('edge')
    .description('Run the SIP edge alone, in the place of drachtio-server: SIP on one side, drachtio-srf on the other.')
    .addOption(
      new Option('--admin <address:port>', 'where applications connect')
        .argParser(parseHostPort)
        .default({ host: '127.0.0.1', port: 9022 }, '127.0.0.1:9022'),
    )
    .addOption(new Option('--admin-tls <address:port>', 'the same inside TLS, beside it').argParser(parseHostPort))
    .requiredOption('--secret <secret>', 'what applications authenticate with')
    .requiredOption('--listen <listener>', 'where SIP is listened for; may be given several times', collectListener)
    .option('--cert <file>', 'certificate chain for TLS and WSS, PEM')
    .option('--key <file>', 'its key, PEM')
    .option('--client-ca <file>', 'CAs of the certificates that peers may show on tls and wss, PEM')
    .addOption(
      new Option('--client-certs <mode>', 'whether a peer without a good one is let in')
        .choices(['request', 'require'])
        .default('request'),
    )
    .option(
      '--origin <origin>',
      'a page that may connect by ws and wss, may be given several times; all when not given',
      collect,
    )
    .option('--trust <file>', 'certificates that outgoing TLS trusts beside the usual ones, PEM')
    .option(
      '--request-handler <handler>',
      'who decides about new requests; may be given several times',
      collectHandler,
      [],
    )
    .option('--exempt <address>', 'an address or network that is never banned; may be given several times', collect, [])
    .addOption(
      new Option('--log <level>', 'what is logged to standard error')
        .choices(['silent', 'error', 'warn', 'info', 'debug'])
        .default('warn'),
    )
    .addHelpText('after', HELP)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const edge = await createEdge({
    admin: options.admin,
    secret: options.secret,
    ...(options.adminTls !== undefined && { adminTls: options.adminTls }),
    listeners: listenersOf(options),
    exempt: options.exempt,
    requestHandlers: options.requestHandler,
    clock: systemClock,
    logger: createLogger({ role: 'edge', level: options.log }),
    ...tlsOf(options),
    ...(options.trust !== undefined && { trust: readText(options.trust) }),
  });
  process.on('SIGHUP', () => reload(edge, options));
  tell(edge);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await edge.close();
  process.exit(0);
}

/** A new certificate, for new connections; one that cannot be read leaves the old one in place. */
function reload(edge: Edge, options: Options): void {
  try {
    const { tls } = tlsOf(options);
    if (tls !== undefined) edge.setCertificate(tls);
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : 'The certificate cannot be read.'}\n`);
  }
}

function listenersOf({ listen, clientCa, clientCerts, origin }: Options): EdgeListenerOptions[] {
  const clients = clientCa === undefined ? {} : { clients: { mode: clientCerts, ca: readText(clientCa) } };
  const origins = origin === undefined ? {} : { origins: origin };
  return listen.map((each) => ({ ...each, ...clients, ...origins }));
}

function tlsOf({ cert, key, listen, adminTls }: Options): { tls?: { certificate: string; key: string } } {
  if (cert !== undefined && key !== undefined) return { tls: { certificate: readText(cert), key: readText(key) } };
  const needsNone =
    adminTls === undefined && listen.every(({ transport }) => transport !== 'tls' && transport !== 'wss');
  if (cert === undefined && key === undefined && needsNone) return {};
  throw new WardlineError('no-certificate', 'A TLS or WSS listener, and --admin-tls, need both --cert and --key.');
}

function tell({ admin, adminTls, listeners }: Edge): void {
  const lines = listeners.map(({ name, transport, host, port }) => {
    const profile = name === 'neutral' ? '' : `${name}:`;
    return `listens at ${profile}${transport}/${formatHostPort({ host, port })}`;
  });
  lines.push(`applications connect at ${formatHostPort(admin)}`);
  if (adminTls !== undefined) lines.push(`applications connect by TLS at ${formatHostPort(adminTls)}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function collect(value: string, all: readonly string[] = []): string[] {
  return [...all, value];
}

function collectHandler(text: string, all: readonly RequestHandler[]): RequestHandler[] {
  const words = text.trim().split(/\s+/);
  const url = words.pop() ?? '';
  const by = words.findLast((word) => word === 'GET' || word === 'POST') ?? 'GET';
  const [method = '*', ...rest] = words.filter((word) => word !== 'GET' && word !== 'POST');
  const [, scheme, place = ''] = /^(https?|tcp|tls):\/\/(.+)$/.exec(url) ?? [];
  const appPlace = parseAppPlace(`${place.replace(/\/$/, '')};transport=${scheme}`);
  const isHttp = scheme?.startsWith('http') === true && URL.canParse(url);
  if (rest.length > 0 || !/^(\*|[A-Z]+)$/.test(method) || !(isHttp || appPlace !== undefined)) {
    throw new InvalidArgumentError(
      'Write it as http://127.0.0.1:8080/, "INVITE POST http://…" or tcp://127.0.0.1:3001.',
    );
  }
  if (isHttp) return [...all, { method, question: { by: by === 'POST' ? 'POST' : 'GET', url } }];
  return appPlace === undefined ? [...all] : [...all, { method, question: { by: 'connection', place: appPlace } }];
}

function collectListener(text: string, all: readonly EdgeListenerOptions[] = []): EdgeListenerOptions[] {
  const match = /^(?:(\w+):)?(\w+)\/(.+)$/.exec(text);
  const transport = TRANSPORTS.find((each) => each === match?.[2]);
  const profile = PROFILES.find((each) => each === match?.[1]);
  const isProfileKnown = match?.[1] === undefined || profile !== undefined;
  if (!isProfileKnown || transport === undefined) {
    throw new InvalidArgumentError('Write it as udp/127.0.0.1:5060, with phones: or carrier: before it if you like.');
  }
  const place = parseHostPort(match?.[3] ?? '');
  const listener: EdgeListenerOptions = {
    ...place,
    transport,
    name: profile ?? 'neutral',
    ...(profile !== undefined && { profile }),
  };
  return [...all, listener];
}
