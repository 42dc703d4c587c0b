// CPU of taking in sealed audio, 8 kB chunks, beside bare secretstream and a plain insert: in turns, so that a noisy machine disturbs all alike.
import { ENDS, SegmentSealer } from '../../../src/seal/segment.ts';
import { sodium } from '../../../src/seal/sodium.ts';
import { type BenchVault, makeVault, newFolders, openVault, voicemailHeader } from '../../support/vault-bench.ts';
import { percentile, say } from '../figures.ts';
import { blobsInto, type Comparator, openComparators } from './comparators.ts';

/** L16 at 16 kHz, 250 ms. */
const CHUNK_BYTES = 8_000;
const CHUNK_SAMPLES = 4_000;
const CHUNKS_A_SEGMENT = 240;
const CHUNKS_A_COMMIT = 20;
const ROUNDS = 15;
const CHUNKS_A_ROUND = 5_000;

export async function benchAudio(parent: string): Promise<void> {
  using folders = newFolders(parent);
  await makeVault(folders);
  await using vault = await openVault(folders);
  const comparators = openComparators(folders.root);
  const inserts = comparators.map(prepareInsert);
  const audio = sodium.randombytes_buf(CHUNK_BYTES);
  const seconds = { bare: [] as number[], ours: [] as number[], inserts: inserts.map((): number[] => []) };
  const ratios: number[][] = inserts.map(() => []);
  for (let round = 0; round <= ROUNDS; round++) {
    const bare = await cpuOf(() => pushBare(audio));
    const inserted: number[] = [];
    for (const insert of inserts) inserted.push(await cpuOf(() => insert(audio)));
    const ours = await cpuOfIntake(vault, audio);
    if (round === 0) continue; // compiles and warms
    seconds.bare.push(bare);
    seconds.ours.push(ours);
    for (const [index, each] of inserted.entries()) {
      seconds.inserts[index]?.push(each);
      ratios[index]?.push(ours / (bare + each));
    }
  }
  say('bare secretstream, 8 kB', rate(seconds.bare), '(comparator)');
  for (const [index, { name }] of comparators.entries())
    say(`blobs into ${name}`, rate(seconds.inserts[index]!), '(comparator)');
  say('sealed and taken in, one core', rate(seconds.ours), '>= 60 MB/s');
  say('CPU as a ratio to secretstream plus plain insert', spread(ratios[0]!), '<= 1.5');
  say('CPU as a ratio to secretstream plus encrypted-file insert', spread(ratios[1]!), '(told, no aim)');
  for (const { db } of comparators) db.close();
}

function rate(seconds: readonly number[]): string {
  const megabytes = (CHUNKS_A_ROUND * CHUNK_BYTES) / 1e6;
  return `${(megabytes / percentile(seconds, 0.5)).toFixed(0)} MB/s`;
}

function spread(ratios: readonly number[]): string {
  const [low, middle, high] = [0, 0.5, 1].map((share) => percentile(ratios, share).toFixed(2));
  return `${middle} (${low} to ${high})`;
}

async function cpuOf(work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function pushBare(audio: Uint8Array): void {
  const key = sodium.crypto_secretstream_xchacha20poly1305_keygen();
  const { state } = sodium.crypto_secretstream_xchacha20poly1305_init_push(key);
  for (let chunk = 0; chunk < CHUNKS_A_ROUND; chunk++) {
    sodium.crypto_secretstream_xchacha20poly1305_push(state, audio, null, 0);
  }
}

function prepareInsert({ db }: Comparator): (audio: Uint8Array) => void {
  const commit = blobsInto(db, CHUNKS_A_COMMIT);
  return (audio) => {
    for (let at = 0; at < CHUNKS_A_ROUND; at += CHUNKS_A_COMMIT) commit(audio);
  };
}

/** One artifact's chunks, sealed and handed to the intake as its link would. */
async function cpuOfIntake({ ask, inner }: BenchVault, audio: Uint8Array): Promise<number> {
  const { artifactId } = await ask('artifact.open', { header: voicemailHeader({ encoding: 'l16-16000' }) });
  const { intake } = inner;
  const grant = intake.begin(artifactId);
  const seconds = await cpuOf(async () => {
    for (let segment = 0, done = 0; done < CHUNKS_A_ROUND; segment++) {
      using sealer = new SegmentSealer(Buffer.from(grant.publicKey, 'base64'));
      const first = segment * CHUNKS_A_SEGMENT * CHUNK_SAMPLES;
      const body = Buffer.concat([sealer.sealedKey, sealer.header]);
      const sent = [intake.segment({ artifactId, segment, epoch: grant.epoch, firstSample: first }, body)];
      for (let chunk = 0; chunk < CHUNKS_A_SEGMENT && done < CHUNKS_A_ROUND; chunk++, done++) {
        const firstSample = first + chunk * CHUNK_SAMPLES;
        const isLast = done === CHUNKS_A_ROUND - 1;
        const ends = isLast ? ENDS.artifact : chunk === CHUNKS_A_SEGMENT - 1 ? ENDS.segment : ENDS.nothing;
        const place = { artifactId, segment, chunk, firstSample, samples: CHUNK_SAMPLES, ends };
        const bytes = sealer.seal(audio, { ...place, encoding: 'l16-16000', channels: 1 });
        sent.push(intake.chunk(place, bytes));
        if (chunk % CHUNKS_A_COMMIT === CHUNKS_A_COMMIT - 1) intake.flush();
      }
      intake.flush();
      await Promise.all(sent);
    }
  });
  await intake.end(artifactId, CHUNKS_A_ROUND);
  await ask('artifact.close', { artifactId, keep: true });
  return seconds;
}
