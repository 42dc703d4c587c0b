// The intake's requests as they come over a link: parsed here, answered after commit.
import type { Answer, Message } from '../../ipc/link.ts';
import type { Json } from '../../kernel/canonical.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { ChunkAsk, IntakeRequests, IntakeType, SegmentAsk } from '../../seal/intake.ts';
import type { Intake } from './intake.ts';

type Answering = (intake: Intake, ask: Readonly<Record<string, Json | undefined>>, body: Uint8Array) => Promise<object>;

const REQUESTS: Record<IntakeType, Answering> = {
  'intake.begin': async (intake, { artifactId }) => intake.begin(String(artifactId)),
  'intake.segment': async (intake, ask, body) => {
    await intake.segment(ask as unknown as SegmentAsk, body);
    return {};
  },
  'intake.chunk': async (intake, ask, body) => {
    await intake.chunk(ask as unknown as ChunkAsk, body);
    return {};
  },
  'intake.end': async (intake, { artifactId, chunks }) => {
    await intake.end(String(artifactId), Number(chunks));
    return {};
  },
};

/** @throws WardlineError `artifact-unknown`, `artifact-closed`, `intake-malformed`, `chunk-differs`, `vault-write-failed` */
export async function answerIntake(intake: Intake, type: string, { payload, body }: Message): Promise<Answer> {
  const isKnown = Object.hasOwn(REQUESTS, type);
  if (!isKnown || typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    throw new WardlineError('unknown-request', 'The intake does not know this request.');
  }
  const ask = payload as IntakeRequests[IntakeType]['ask'] & Record<string, Json>;
  return { payload: (await REQUESTS[type as IntakeType](intake, ask, body)) as Json };
}
