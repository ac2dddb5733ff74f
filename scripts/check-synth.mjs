// Synthesizes the app as `npx cdk synth` does, with the CDK's own rules as errors and nothing to ask: no account, no network.
// Into a folder of its own, where no report of an earlier run is found.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cdk = fileURLToPath(import.meta.resolve('aws-cdk/package.json')).replace('package.json', 'bin/cdk');
const out = mkdtempSync(join(tmpdir(), 'holdfast-synth-'));
const { CDK_VALIDATION: _, ...env } = process.env;
try {
  const { status } = spawnSync(
    process.execPath,
    [cdk, 'synth', '--quiet', '--strict', '--no-notices', '--output', out],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...env, AWS_EC2_METADATA_DISABLED: 'true', CDK_DISABLE_CLI_TELEMETRY: '1', CI: 'true' },
    },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
