// A real vault in a temporary folder behind the real HTTPS server, with calls and messages captured the way the appliance does it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RateLimits } from '../../src/api/server.ts';
import { createApi } from '../../src/api/server.ts';
import type { SealedEntryContent } from '../../src/audit/entry.ts';
import { LinkServer } from '../../src/ipc/server.ts';
import { WardlineError } from '../../src/kernel/errors.ts';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { newId } from '../../src/kernel/id.ts';
import { createLogger } from '../../src/kernel/logger.ts';
import type { Cdr } from '../../src/model/cdr.ts';
import { parseClinicYaml } from '../../src/model/parse-clinic.ts';
import { connectIntake } from '../../src/seal/intake-client.ts';
import { answerIntake } from '../../src/vault/captured/intake-requests.ts';
import type { Vault } from '../../src/vault/contract.ts';
import { createVault } from '../../src/vault/create.ts';
import { OpenVault } from '../../src/vault/open-vault.ts';
import type { ArtifactHeader, ArtifactMark, Caller, Role } from '../../src/vault/shapes.ts';
import { ShiftedClock } from './shifted-clock.ts';

const checkout = new URL('../../', import.meta.url).pathname;
const nobody: Caller = { actor: { kind: 'local', user: 'tester' }, address: '' };
const auditor: Caller = { actor: { kind: 'user', id: 'tester', login: 'tester' }, address: '' };
const TOKEN = 'token-of-this-test';

export interface ConsoleBench extends AsyncDisposable {
  readonly url: string;
  readonly ca: string;
  readonly vault: Vault;
  readonly clock: ShiftedClock;
  /** The vault seems gone while this is so. */
  isVaultAway: boolean;
  readonly recoveryCode: string;
  /** The link's token for a new account. */
  invite(login: string, roles: Role[], mailboxes?: string[]): Promise<string>;
  addCall(cdr: Partial<Cdr>): Promise<void>;
  addVoicemail(header: Partial<ArtifactHeader>, audio: Uint8Array, more?: Captured): Promise<ArtifactId>;
  /** The whole trail, oldest first. */
  trail(): Promise<SealedEntryContent[]>;
  log(): string;
}

/** What happened while it was captured. */
export interface Captured {
  readonly marks?: readonly ArtifactMark[];
  /** Samples of one channel that never arrived, in the middle. */
  readonly lost?: number;
  readonly failure?: string;
}

export interface ConsoleBenchOptions {
  readonly limits?: RateLimits;
  readonly consoleFolder?: string;
}

export async function openConsoleBench(options: ConsoleBenchOptions = {}): Promise<ConsoleBench> {
  const owned = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'wardline-console-'));
  owned.defer(() => rmSync(folder, { recursive: true, force: true }));
  const clock = new ShiftedClock();
  const { recoveryCode, ...opened } = await openVault(folder, clock);
  const open = owned.use(opened.vault);
  const state = { isAway: false };
  const vault = asVault(open, state);
  const intake = owned.use(await openIntake(folder, open, clock));
  const { certificate, key, ca } = await vault.ask('tls.get', { name: 'console' });
  const logFile = join(folder, 'api.log');
  const api = await createApi({
    vault,
    clock,
    address: { host: '127.0.0.1', port: 0 },
    tls: { certificate, key, ca },
    hostName: 'localhost',
    consoleFolder: options.consoleFolder ?? join(folder, 'no-console'),
    logger: createLogger({ role: 'controller', level: 'debug', file: logFile }),
    status: () => ({ ok: true, parts: { edge: 'up', media: 'up' } }),
    limits: options.limits ?? { all: 10_000, login: 10_000 },
  });
  owned.defer(() => api.close());
  return {
    url: api.url,
    ca,
    vault,
    clock,
    recoveryCode,
    get isVaultAway() {
      return state.isAway;
    },
    set isVaultAway(isAway) {
      state.isAway = isAway;
    },
    async invite(login, roles, mailboxes = []) {
      const ask = { caller: nobody, login, name: `${login} Example`, roles, mailboxes };
      return (await vault.ask('users.invite', ask)).token;
    },
    addCall: async (cdr) => void (await vault.ask('cdr.put', { cdr: { ...sampleCall(clock), ...cdr } })),
    async addVoicemail(header, audio, { marks = [], lost = 0, failure } = {}) {
      const { artifactId } = await vault.ask('artifact.open', { header: { ...sampleHeader(clock), ...header } });
      const capture = await intake.begin(artifactId);
      const half = lost === 0 ? audio.length : audio.length / 2;
      capture.write(audio.subarray(0, half), 0);
      if (lost > 0) capture.write(audio.subarray(half), half + lost);
      await capture.end();
      for (const mark of marks) await vault.ask('artifact.mark', { artifactId, ...mark });
      await vault.ask('artifact.close', { artifactId, keep: true, ...(failure !== undefined && { failure }) });
      return artifactId;
    },
    async trail() {
      const { rows } = await vault.ask('audit.page', { caller: auditor, page: { limit: 500 } });
      return rows.toReversed();
    },
    log: () => readFileSync(logFile, 'utf8'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openVault(folder: string, clock: ShiftedClock): Promise<{ vault: OpenVault; recoveryCode: string }> {
  const parsed = parseClinicYaml(readFileSync(join(checkout, 'config/sample-clinic.yaml'), 'utf8'));
  if ('problems' in parsed) throw new Error(`the sample clinic is broken: ${parsed.problems[0]?.message}`);
  const at = {
    dataFolder: join(folder, 'data'),
    keyFile: join(folder, 'keys/key'),
    headsFile: join(folder, 'keys/heads'),
  };
  const { recoveryCode } = await createVault({
    ...at,
    clock,
    hostName: 'localhost',
    addresses: [],
    realm: 'localhost',
    clinic: parsed.clinic,
  });
  const log = createLogger({ role: 'vault', level: 'silent' });
  const vault = await OpenVault.open({
    ...at,
    spoolFolder: join(folder, 'spool'),
    clock,
    log,
    startLocked: false,
    canResume: false,
  });
  return { vault, recoveryCode };
}

/** The contract in this process, and away when a test says so. */
function asVault(open: OpenVault, state: { isAway: boolean }): Vault {
  const answer: OpenVault['answer'] = (operation, ask, body, context) => {
    if (state.isAway)
      throw new WardlineError('link-closed', 'The other part of the appliance is not running just now.');
    return open.answer(operation, ask, body, context);
  };
  const contexts = { controller: { role: 'controller' }, local: { role: 'local', persons: new Map<string, string>() } };
  const contextOf = (ask: object) =>
    contexts[(ask as { caller?: Caller }).caller?.actor.kind === 'local' ? 'local' : 'controller'];
  const nothing = new Uint8Array();
  return {
    ask: async (operation, ask, body = nothing) => (await answer(operation, ask, body, contextOf(ask))).answer,
    async askForBytes(operation, ask) {
      const { answer: answered, body = nothing } = await answer(operation, ask, nothing, contextOf(ask));
      return { answer: answered, body };
    },
    onNotice: (listener) => open.onNotice(listener),
  };
}

async function openIntake(folder: string, open: OpenVault, clock: ShiftedClock) {
  const path = join(folder, 'vault.sock');
  const onRequest = (message: Parameters<typeof answerIntake>[2], _link: unknown, type: string) =>
    answerIntake(open.intake, type, message);
  const server = await LinkServer.listen({ path, tokens: { media: TOKEN }, clock, onRequest });
  const client = connectIntake({ socket: path, token: TOKEN, clock });
  return {
    begin: (artifactId: string) => client.begin(artifactId),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

function sampleCall(clock: ShiftedClock): Cdr {
  const startedAt = clock.now();
  return {
    callId: newId<'call'>(),
    direction: 'inbound',
    from: '+12125550123',
    fromName: '',
    to: '+12125550100',
    startedAt,
    endedAt: startedAt,
    steps: [],
    outcome: { ended: 'unanswered', reason: 'no-answer' },
    artifacts: [],
  };
}

function sampleHeader(clock: ShiftedClock): ArtifactHeader {
  return {
    kind: 'voicemail',
    callId: newId<'call'>(),
    startedAt: clock.now(),
    encoding: 'ulaw-8000',
    channels: 1,
    mailbox: '1001',
    from: '+12125550123',
    fromName: '',
    to: '1001',
  };
}
