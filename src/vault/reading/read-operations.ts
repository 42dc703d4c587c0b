// The operations that read, as they are asked: the read is done by a reader, then its entry is written, then it is answered.
import { WardlineError } from '../../kernel/errors.ts';
import type { Artifacts } from '../captured/artifacts.ts';
import type { PlayoutFolder } from '../captured/playout.ts';
import { type Handlers, WithBody } from '../handlers.ts';
import { recordsLocked } from '../keys/keyring.ts';
import type { Retention } from '../retention/retention.ts';
import type { Caller } from '../shapes.ts';
import type { InnerCore } from '../store/inner-core.ts';
import type { Readers } from './readers.ts';
import type { ContractRead, ReadAnswer, ReadAsk, ReadName, ReadResult } from './reads.ts';

export type ReadOperation = ContractRead | 'playout.open' | 'playout.done' | 'artifact.markRead' | 'artifact.dispose';

export interface ReadParts {
  readonly core: InnerCore;
  readonly readers: Readers;
  readonly artifacts: Artifacts;
  readonly playout: PlayoutFolder;
  readonly retention: Retention;
}

export function readOperations(parts: ReadParts): Pick<Handlers, ReadOperation> {
  const { core, artifacts, playout } = parts;
  const read = async <Name extends ReadName>(name: Name, caller: Caller, ask: ReadAsk<Name>) =>
    onRecord(core, caller, await parts.readers.run(name, ask));
  return {
    'calls.page': async ({ caller, ...ask }) => (await read('calls.page', caller, ask)).answer,
    'call.get': async ({ caller, ...ask }) => (await read('call.get', caller, ask)).answer,
    'artifacts.page': async ({ caller, ...ask }) => (await read('artifacts.page', caller, ask)).answer,
    'artifact.get': async ({ caller, ...ask }) => (await read('artifact.get', caller, ask)).answer,
    'note.list': async ({ caller, ...ask }) => (await read('note.list', caller, ask)).answer,
    search: async ({ caller, ...ask }) => (await read('search', caller, ask)).answer,
    'audit.page': async ({ caller, ...ask }) => (await read('audit.page', caller, ask)).answer,
    'audit.search': async ({ caller, ...ask }) => (await read('audit.search', caller, ask)).answer,
    'artifact.audio': async ({ caller, ...ask }) => {
      artifacts.intake.flush(); // so that what was just said can be heard too
      const { answer, body = new Uint8Array(0) } = await read('artifact.audio', caller, ask);
      return new WithBody(answer, body);
    },
    'playout.open': async ({ caller, artifactId }) => {
      artifacts.intake.flush();
      const { answer, body = new Uint8Array(0) } = await read('playout.audio', caller, { artifactId });
      const path = playout.put(body);
      body.fill(0);
      return { path, ...answer };
    },
    'playout.done': ({ path }) => {
      playout.remove(path);
      return {};
    },
    ...changes(parts),
  };
}

/** Nothing is shown before its entry is durable. */
function onRecord<Name extends ReadName>(
  core: InnerCore,
  caller: Caller,
  result: ReadResult<ReadAnswer<Name>>,
): ReadResult<ReadAnswer<Name>> {
  const { said, refusal } = result;
  if (said !== undefined) core.record({ ...said, ...caller });
  if (refusal !== undefined) throw new WardlineError(refusal.code, refusal.sentence);
  return result;
}

function changes({ core, artifacts, retention }: ReadParts): Pick<Handlers, 'artifact.markRead' | 'artifact.dispose'> {
  const mustBeUnlocked = () => {
    if (!core.keyring.isUnlocked) throw recordsLocked();
  };
  return {
    'artifact.markRead': ({ caller, artifactId }) => {
      mustBeUnlocked();
      const artifact = artifacts.get(artifactId);
      if (artifacts.rows.isRead(artifactId)) return {};
      const about = { outcome: 'ok', subject: artifactId, detail: 'read' } as const;
      core.transact({ action: 'artifact-marked', ...caller, ...about }, (tx) =>
        artifacts.rows.markRead(tx, artifactId),
      );
      artifacts.mailboxChanged(artifact);
      return {};
    },
    'artifact.dispose': async ({ caller, artifactId }) => {
      mustBeUnlocked();
      retention.mustBeFree(artifactId);
      artifacts.dispose(caller, artifactId);
      await core.journal.emptied();
      return {};
    },
  };
}
