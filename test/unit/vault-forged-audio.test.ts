// What somebody with the disk and no secret can do to stored audio and rows between two starts of the vault.
import t from 'tap';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { CaptureSealer, type SealedFrame } from '../../src/seal/capture-sealer.ts';
import { chunkBinding } from '../../src/seal/segment.ts';
import { sodium } from '../../src/seal/sodium.ts';
import { tamper } from '../support/tamper.ts';
import {
  type BenchVault,
  CALLER,
  captureAll,
  type Folders,
  makeVault,
  newFolders,
  openVault,
  tone,
  voicemailHeader,
} from '../support/vault-bench.ts';

async function keepMessage(folders: Folders, audio: Uint8Array): Promise<ArtifactId> {
  await using vault = await openVault(folders);
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, audio);
  await vault.ask('artifact.close', { artifactId, keep: true });
  return artifactId;
}

function send(vault: BenchVault, frames: readonly SealedFrame[]): Promise<unknown> {
  const { intake } = vault.inner;
  return Promise.all(
    frames.map((frame) =>
      frame.type === 'intake.segment' ? intake.segment(frame.ask, frame.body) : intake.chunk(frame.ask, frame.body),
    ),
  );
}

const all = { caller: CALLER, fromSample: 0, samples: 8_000_000, play: true };
const state = async (vault: BenchVault, artifactId: ArtifactId) =>
  (await vault.ask('artifact.get', { caller: CALLER, artifactId })).state;

// ---- Poly1305 with a known key: one free 16-byte block gives any tag ----
const P = (1n << 130n) - 5n;
const M = (1n << 128n) - 1n;
const le = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex') || '0'}`);

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base % P, e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
}

function solve(key: Uint8Array, message: Uint8Array, at: number, tag: Uint8Array): Uint8Array | undefined {
  const r = le(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  const s = le(key.subarray(16, 32));
  const count = Math.ceil(message.length / 16);
  let rest = 0n;
  for (let i = 0; i < count; i++) {
    const part = message.subarray(i * 16, i * 16 + 16);
    const value = i * 16 === at ? 0n : le(part) + (1n << BigInt(8 * part.length));
    rest = ((rest + value) * r) % P;
  }
  const inverse = power(power(r, BigInt(count - at / 16)), P - 2n);
  for (let k = 0n; k < 4n; k++) {
    const sum = ((le(tag) - s) & M) + (k << 128n);
    const x = (((((sum - rest) % P) + P) % P) * inverse) % P;
    if (sum >= P || x >> 128n !== 1n) continue;
    return Buffer.from((x & M).toString(16).padStart(32, '0'), 'hex').reverse();
  }
  return undefined;
}

/** A segment of other audio under another key, whose chunks have the tags that are asked for. */
class Forger {
  readonly key = sodium.randombytes_buf(32);
  readonly header = sodium.randombytes_buf(24);
  readonly #k = sodium.crypto_core_hchacha20(this.header.subarray(0, 16), this.key, null);
  readonly #nonce = Buffer.concat([Buffer.from([1, 0, 0, 0]), this.header.subarray(16)]);

  forge(audio: Uint8Array, binding: Uint8Array, tagByte: number, wanted: Uint8Array): Uint8Array {
    const raw = sodium as unknown as {
      crypto_stream_chacha20_ietf_xor_ic: (m: Uint8Array, n: Uint8Array, ic: number, k: Uint8Array) => Uint8Array;
    };
    const polyKey = raw.crypto_stream_chacha20_ietf_xor_ic(new Uint8Array(64), this.#nonce, 0, this.#k);
    const head = new Uint8Array(64);
    head[0] = tagByte;
    const block = raw.crypto_stream_chacha20_ietf_xor_ic(head, this.#nonce, 1, this.#k);
    const cipher = raw.crypto_stream_chacha20_ietf_xor_ic(audio, this.#nonce, 2, this.#k);
    const lengths = Buffer.alloc(16);
    lengths.writeBigUInt64LE(BigInt(binding.length), 0);
    lengths.writeBigUInt64LE(BigInt(64 + audio.length), 8);
    for (let free = 0; ; free++) {
      cipher[16] = free;
      const bound = Buffer.concat([binding, new Uint8Array(-binding.length & 15)]);
      const message = Buffer.concat([bound, block, cipher, new Uint8Array(audio.length & 15), lengths]);
      const solved = solve(polyKey, message, bound.length + 64, wanted);
      if (solved === undefined) continue;
      cipher.set(solved, 0);
      break;
    }
    for (let i = 0; i < 8; i++) this.#nonce[4 + i]! ^= wanted[i]!;
    this.#nonce[0]!++;
    return Buffer.concat([block.subarray(0, 1), cipher, wanted]);
  }
}

t.test('a message whose audio was replaced is named, however it was done', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const audio = tone(1_900);
  const artifactId = await keepMessage(folders, audio);
  const other = tone(1_900, 5);
  tamper(folders, (db) => {
    const rows = db.prepare('SELECT * FROM chunks WHERE artifact = ? ORDER BY chunk').all(artifactId) as {
      id: number;
      segment: number;
      chunk: number;
      first_sample: number;
      samples: number;
      final: number;
      body: Buffer;
    }[];
    const forger = new Forger();
    for (const { id, segment, chunk, first_sample: firstSample, samples, final, body } of rows) {
      const binding = chunkBinding({
        artifactId,
        segment,
        chunk,
        firstSample,
        samples,
        encoding: 'ulaw-8000',
        channels: 1,
        ends: final as 0 | 1 | 2,
      });
      const part = other.subarray(firstSample, firstSample + samples);
      const forged = forger.forge(part, binding, final > 0 ? 3 : 0, body.subarray(-16));
      db.prepare('UPDATE chunks SET body = ? WHERE id = ?').run(forged, id);
    }
    const epoch = db.prepare("SELECT public FROM epochs WHERE class = 'voicemail'").pluck().get() as Buffer;
    db.prepare('UPDATE segments SET header = ? WHERE artifact = ?').run(forger.header, artifactId);
    db.prepare("UPDATE record_keys SET form = 'boxed', key = ? WHERE owner = 'segments'").run(
      sodium.crypto_box_seal(forger.key, epoch),
    );
  });
  await using vault = await openVault(folders);
  const everything = await vault.inner.checkEverything();
  t.not(everything.problems.length, 0, 'a problem is named');
  t.equal(await state(vault, artifactId), 'tampered');
  const heard = await vault.askForBytes('artifact.audio', { ...all, artifactId }).catch(() => undefined);
  const same = heard && Buffer.from(heard.body).filter((byte, i) => byte === other[i]).length;
  t.ok(heard === undefined, `the forged audio is not played: ${same} of ${other.length} bytes are the forger's`);
});

t.test('a message that was disposed of does not come back unseen', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const artifactId = await keepMessage(folders, tone(1_000));
  const tables = ['artifacts', 'closings', 'segments', 'chunks', 'record_keys'];
  const kept = tamper(folders, (db) =>
    tables.map((name) => [name, db.prepare(`SELECT * FROM ${name}`).all()] as const),
  );
  {
    await using vault = await openVault(folders);
    await vault.ask('artifact.dispose', { caller: CALLER, artifactId });
  }
  tamper(folders, (db) => {
    for (const [name, rows] of kept) {
      for (const row of rows as Record<string, unknown>[]) {
        const columns = Object.keys(row);
        const marks = columns.map(() => '?').join();
        db.prepare(`INSERT OR IGNORE INTO ${name} (${columns.join()}) VALUES (${marks})`).run(...Object.values(row));
      }
    }
  });
  await using vault = await openVault(folders);
  const { problems } = await vault.inner.checkEverything();
  t.not(problems.length, 0, 'a problem is named');
  await t.rejects(vault.askForBytes('artifact.audio', { ...all, artifactId }), 'it is not played');
});

t.test('a complete message is not turned into a cut-off one', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const artifactId = await keepMessage(folders, tone(2_000));
  tamper(folders, (db) => {
    db.exec('DELETE FROM closings; DELETE FROM chunks WHERE chunk >= 4');
    db.prepare('INSERT INTO open_artifacts VALUES (?)').run(artifactId);
  });
  await using vault = await openVault(folders);
  const { problems } = await vault.inner.checkEverything();
  t.not(problems.length, 0, 'a problem is named');
  t.equal(await state(vault, artifactId), 'tampered');
});

t.test('a recording that ended with the power between two segments is cut off, not complete', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const opened = await openVault(folders);
  const { artifactId } = await opened.ask('artifact.open', { header: voicemailHeader() });
  const sealer = new CaptureSealer(artifactId, opened.inner.intake.begin(artifactId));
  await send(opened, sealer.write(tone(60_000), 0)); // one full segment; the caller goes on talking
  await opened[Symbol.asyncDispose](); // as after a power cut: the writer never said that it is done
  await using vault = await openVault(folders);
  t.equal(await state(vault, artifactId), 'cut-off');
});

t.test('an open recording that lost its last minutes on the disk is not complete', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const opened = await openVault(folders);
  const { artifactId } = await opened.ask('artifact.open', { header: voicemailHeader() });
  const sealer = new CaptureSealer(artifactId, opened.inner.intake.begin(artifactId));
  await send(opened, sealer.write(tone(150_000), 0));
  await opened[Symbol.asyncDispose]();
  tamper(folders, (db) => db.exec('DELETE FROM chunks WHERE segment >= 1; DELETE FROM segments WHERE segment >= 1'));
  await using vault = await openVault(folders);
  t.not(await state(vault, artifactId), 'complete');
});

t.test('a segment that was moved out of hearing is named', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const artifactId = await keepMessage(folders, tone(2_000));
  tamper(folders, (db) => db.exec('UPDATE segments SET first_sample = 1000000000'));
  await using vault = await openVault(folders);
  const { problems } = await vault.inner.checkEverything();
  t.not(problems.length, 0, 'a problem is named');
  const heard = await vault.askForBytes('artifact.audio', { ...all, artifactId }).catch(() => undefined);
  t.ok(heard === undefined, 'it does not play as silence');
});

t.test('a whole segment that was removed does not play as silence', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const artifactId = await keepMessage(folders, tone(61_000));
  await using vault = await openVault(folders);
  tamper(folders, (db) => db.exec('DELETE FROM chunks WHERE segment = 0; DELETE FROM segments WHERE segment = 0'));
  const heard = await vault
    .askForBytes('artifact.audio', { ...all, artifactId, samples: 8_000 })
    .catch(() => undefined);
  t.ok(heard === undefined);
});
