// Reads a TAP report, shows what failed or was skipped, and closes with the plain line; in CI a skipped test is a failure.
import { readFileSync } from 'node:fs';

const [file = '', runnerStatus = '1'] = process.argv.slice(2);
const report = readFileSync(file, 'utf8');
const totals = /^# \{ (.*) \}$/m.exec(report)?.[1] ?? '';
const count = (name: string) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(totals)?.[1] ?? 0);
const skips = report.split('\n').filter((line) => /^\s*ok .*# SKIP/i.test(line));

for (const line of skips) console.log(`skipped: ${line.trim()}`);
const failed = count('fail');
if (failed > 0 || runnerStatus !== '0') printFailures();
console.log(`${count('pass')} passed, ${failed} failed, ${skips.length} skipped`);
process.exitCode = failed > 0 || skips.length > 0 || runnerStatus !== '0' || count('pass') === 0 ? 1 : 0;

function printFailures(): void {
  const lines = report.split('\n');
  for (const [index, line] of lines.entries()) {
    if (/^\s*not ok /.test(line)) console.log(lines.slice(index, index + 25).join('\n'));
  }
  if (totals === '') console.log(lines.slice(-60).join('\n'));
}
