// A real vault in a temporary folder, for tests: made, opened, captured into, closed and opened again.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, UtcMs } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type ArtifactId, type CallId, newId } from '../../src/kernel/id.ts';
import { createLogger } from '../../src/kernel/logger.ts';
import type { Cdr } from '../../src/model/cdr.ts';
import type { Clinic, E164, ExtensionNumber } from '../../src/model/clinic.ts';
import { CaptureSealer } from '../../src/seal/capture-sealer.ts';
import { runDrill } from '../../src/vault/backup/drill.ts';
import type { Vault } from '../../src/vault/contract.ts';
import { createVault } from '../../src/vault/create.ts';
import { OpenVault } from '../../src/vault/open-vault.ts';
import type { ArtifactHeader, Caller } from '../../src/vault/shapes.ts';
import type { Reserve } from '../../src/vault/store/reserve.ts';
import type { ManualClock } from './manual-clock.ts';

/** A person, whom the controller speaks for: what people said and did is shown to no other. */
export const CALLER: Caller = { actor: { kind: 'user', id: 'tester', login: 'tester' }, address: '127.0.0.1' };
/** The operating system's user at the command line. */
export const LOCAL: Caller = { actor: { kind: 'local', user: 'tester' }, address: '' };
/** What must never be found in clear; plainly made up. */
export const CANARY_NAME = 'Quentin Canarybird';
export const CANARY_NUMBER = '+15555550142';

export interface Folders {
  readonly root: string;
  readonly dataFolder: string;
  readonly keyFile: string;
  readonly headsFile: string;
  readonly spoolFolder: string;
}

/** `parent` may be a folder on RAM, where syncs cost nothing. */
export function newFolders(parent: string = tmpdir()): Folders & Disposable {
  const root = mkdtempSync(join(parent, 'wardline-vault-'));
  return { ...foldersIn(root), [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

export function foldersIn(root: string): Folders {
  return {
    root,
    dataFolder: join(root, 'data'),
    keyFile: join(root, 'keys', 'key'),
    headsFile: join(root, 'keys', 'heads'),
    spoolFolder: join(root, 'spool'),
  };
}

export function sampleClinic(): Clinic {
  const number = '1001' as ExtensionNumber;
  return {
    name: 'Sample Clinic',
    timeZone: 'America/Chicago',
    countryCode: '1',
    operator: { to: 'extension', number },
    emergency: { numbers: { '911': '911' }, callbackNumber: '+15555550100' as E164, notify: [] },
    extensions: [],
    phones: [],
    mailboxes: [{ number, name: 'Front desk', maxSeconds: 120 }],
    trunks: [],
    dids: [],
    huntGroups: [],
    menus: [],
    schedules: [],
    recording: { notice: { text: 'This call is recorded.' } },
    voicemailNumber: '*97',
  };
}

export async function makeVault(
  folders: Folders,
  clock: Clock = systemClock,
  keyFileOpens: 'service' | 'both' = 'both',
): Promise<{ recoveryCode: string }> {
  const { dataFolder, keyFile, headsFile } = folders;
  return createVault({
    ...{ dataFolder, keyFile, headsFile, clock, keyFileOpens },
    hostName: 'wardline.test',
    addresses: ['192.0.2.10'],
    realm: 'clinic.test',
    clinic: sampleClinic(),
  });
}

/** The vault with its inside: what a link would reach, in this process. */
export interface BenchVault extends Vault, AsyncDisposable {
  readonly inner: OpenVault;
}

export async function openVault(
  folders: Folders,
  options: { clock?: Clock; startLocked?: boolean; canResume?: boolean; hasReaders?: boolean; reserve?: Reserve } = {},
): Promise<BenchVault> {
  const { dataFolder, keyFile, headsFile, spoolFolder } = folders;
  const { clock = systemClock, startLocked = false, canResume = false, hasReaders = false, reserve } = options;
  const log = createLogger({ role: 'vault', level: 'silent' });
  const inner = await OpenVault.open({
    dataFolder,
    keyFile,
    headsFile,
    spoolFolder,
    clock,
    log,
    startLocked,
    canResume,
    hasReaders,
    ...(reserve && { reserve }),
    drill: (task) => runDrill({ ...task, clock }),
  });
  const nothing = new Uint8Array(0);
  const links = { local: { role: 'local', persons: new Map<string, string>() }, controller: { role: 'controller' } };
  /** The link that such an actor comes over. */
  const linkOf = (ask: object) =>
    links[(ask as { caller?: Caller }).caller?.actor.kind === 'local' ? 'local' : 'controller'];
  return {
    inner,
    ask: async (operation, ask, body = nothing) => (await inner.answer(operation, ask, body, linkOf(ask))).answer,
    askForBytes: async (operation, ask) => {
      const { answer, body } = await inner.answer(operation, ask, nothing, linkOf(ask));
      return { answer, body: body ?? nothing };
    },
    onNotice: (listener) => inner.onNotice(listener),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

export function voicemailHeader(overrides: Partial<ArtifactHeader> = {}): ArtifactHeader {
  return {
    kind: 'voicemail',
    callId: newId<'call'>(),
    startedAt: Date.UTC(2026, 0, 5, 15) as UtcMs,
    encoding: 'ulaw-8000',
    channels: 1,
    mailbox: '1001',
    from: CANARY_NUMBER,
    fromName: CANARY_NAME,
    to: '1001',
    ...overrides,
  };
}

export function sampleCdr(overrides: Partial<Cdr> = {}): Cdr {
  const startedAt = Date.UTC(2026, 0, 5, 15) as UtcMs;
  return {
    callId: newId<'call'>() as CallId,
    direction: 'inbound',
    from: CANARY_NUMBER,
    fromName: CANARY_NAME,
    to: '1001',
    startedAt,
    endedAt: (startedAt + 30_000) as UtcMs,
    steps: [],
    outcome: { ended: 'answered', by: 'callee' },
    artifacts: [],
    ...overrides,
  };
}

/** Captures `audio` as the media server would, and waits until it is acknowledged; a manual clock is moved over the commit ticks. */
export async function captureAll(
  vault: BenchVault,
  id: ArtifactId,
  audio: Uint8Array,
  clock?: ManualClock,
): Promise<void> {
  const { intake } = vault.inner;
  const sealer = new CaptureSealer(id, intake.begin(id));
  const frames = [...sealer.write(audio, 0), ...sealer.end()];
  const sent = frames.map((frame) =>
    frame.type === 'intake.segment' ? intake.segment(frame.ask, frame.body) : intake.chunk(frame.ask, frame.body),
  );
  clock?.advance(100);
  await Promise.all(sent);
  await intake.end(id, sealer.chunks);
}

/** A µ-law tone of `milliseconds`, repeatable and easy to search for. */
export function tone(milliseconds: number, seed = 1): Uint8Array {
  const audio = new Uint8Array(milliseconds * 8);
  for (let index = 0; index < audio.length; index++) audio[index] = 0x80 | (((index + seed) * 37 + seed * 11) % 0x70);
  return audio;
}

/** Every file below `folder` with its bytes. */
export function filesBelow(folder: string): { path: string; bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ path, bytes: readFileSync(path) }));
}
