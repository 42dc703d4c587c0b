// Builds the console into dist/console with Vite, when it is missing or older than its sources.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'dist/console/index.html');
/** What the build is made of: the console itself, the API's shapes, and the libraries at their locked versions. */
const sources = ['src/console', 'src/api/schemas.ts', 'package-lock.json'].map((path) => join(root, path));

try {
  console.log(await buildConsole());
} catch (thrown) {
  console.error(`The console could not be built: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  process.exitCode = 1;
}

async function buildConsole(): Promise<string> {
  if (existsSync(built) && statSync(built).mtimeMs >= Math.max(...sources.map(newestIn))) return 'Console: up to date.';
  const started = performance.now();
  const { build } = await import('vite');
  const { default: config } = await import('../src/console/vite.config.ts');
  await build({ ...config, configFile: false });
  return `Console: built in ${((performance.now() - started) / 1000).toFixed(1)} s.`;
}

/** The time of the last change in `path`, a file or a folder. */
function newestIn(path: string): number {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}
