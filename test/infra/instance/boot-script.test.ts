import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bootScript } from '../../../infra/instance/boot-script.ts';
import { runtimeKeys } from '../../../infra/instance/runtime-recipe.ts';
import { packageFile } from '../../../lib/base/package-files.ts';
import { BootSandbox } from '../../support/boot-sandbox.ts';
import { tempDir } from '../../support/temp-dir.ts';

const pointer = runtimeKeys().pointer;
const folder = runtimeKeys().archives;
const health =
  'aws autoscaling set-instance-health --instance-id i-0abc --health-status Unhealthy --no-should-respect-grace-period';

describe('the boot of an instance', () => {
  it('builds the runtime where the bucket has none, keeps it, and starts the worker', async () => {
    const machine = new BootSandbox(tempDir());
    const { code, output, calls } = await machine.boot();
    expect(output).toContain('holdfast-boot: done');
    expect(code).toBe(0);
    expect(calls.filter((call) => call.startsWith('build-runtime'))).toHaveLength(1);
    expect(machine.read('opt/holdfast/cuda/lib/libcudart.so.11.0')).toBe('cuda\n');
    const objects = machine.objects('checkpoints');
    expect(objects).toHaveLength(2);
    expect(objects).toContain(pointer);
    expect(calls.slice(-3)).toEqual([
      'systemctl daemon-reload',
      'systemctl enable --now holdfast-worker.service',
      'systemctl stop holdfast-boot-limit.timer',
    ]);
    expect(calls).not.toContain(health);
  });

  it('tells the worker what the stack told it, in a file that only root reads', async () => {
    const machine = new BootSandbox(tempDir());
    await machine.boot();
    expect(machine.read('etc/holdfast/worker.env').split('\n')).toEqual(
      expect.arrayContaining([
        'HOLDFAST_STORE=s3://checkpoints?region=eu-west-1',
        'HOLDFAST_QUEUE=https://sqs.eu-west-1.amazonaws.com/1/jobs',
        'HOLDFAST_AUTO_SCALING_GROUP=workers',
        'HOLDFAST_IDLE_EXIT_MS=600000',
        'HOLDFAST_GPU=required',
        'AWS_REGION=eu-west-1',
        'CUDA_CACHE_MAXSIZE=4294967296',
        'TF_FORCE_GPU_ALLOW_GROWTH=true',
        'TF_NUM_INTRAOP_THREADS=4',
        `LD_LIBRARY_PATH=${machine.root}/opt/holdfast/cuda/lib`,
      ]),
    );
    expect(machine.read('etc/systemd/system/holdfast-worker.service')).toContain('User=holdfast');
    expect(machine.read('etc/systemd/system/holdfast-after-exit.service')).toContain('after-exit.js');
  });

  it('restores the runtime that another machine kept, byte by byte, and builds nothing', async () => {
    const first = new BootSandbox(tempDir());
    await first.boot();
    const second = new BootSandbox(tempDir());
    for (const key of first.objects('checkpoints'))
      second.put(`checkpoints/${key}`, first.object('checkpoints', key));
    const { code, calls } = await second.boot();
    expect(code).toBe(0);
    expect(calls.join('\n')).not.toContain('build-runtime');
    expect(second.read('opt/holdfast/node_modules/tfjs/index.js')).toBe('tfjs\n');
    // The same runtime makes the same archive, so that two builders write the same object.
    const third = new BootSandbox(tempDir());
    await third.boot();
    expect(third.objects('checkpoints')).toEqual(first.objects('checkpoints'));
  });

  it('builds anew where the archive is damaged, gone, or its pointer is no digest', async () => {
    const kept = new BootSandbox(tempDir());
    await kept.boot();
    const archive = kept.objects('checkpoints').find((key) => key.endsWith('.tar.gz')) ?? '';
    const digest = kept.object('checkpoints', pointer);
    const damages: ReadonlyArray<Readonly<Record<string, Uint8Array | string>>> = [
      { [pointer]: digest, [archive]: 'something else' },
      { [pointer]: digest },
      { [pointer]: '; rm -rf /' },
    ];
    for (const objects of damages) {
      const machine = new BootSandbox(tempDir());
      for (const [key, body] of Object.entries(objects)) machine.put(`checkpoints/${key}`, body);
      const { code, calls } = await machine.boot();
      expect(code).toBe(0);
      expect(calls.filter((call) => call.startsWith('build-runtime'))).toHaveLength(1);
      // The next machine finds what this one kept.
      expect(machine.object('checkpoints', pointer)).toEqual(digest);
      expect(machine.object('checkpoints', archive)).toEqual(kept.object('checkpoints', archive));
    }
  });

  it('takes nothing out of an archive but the runtime, and no right to become root', async () => {
    const kept = new BootSandbox(tempDir());
    await kept.boot();
    const home = join(kept.root, 'opt/holdfast');
    chmodSync(join(home, 'node_modules/tfjs/index.js'), 0o4755);
    mkdirSync(join(home, 'app/instance'), { recursive: true });
    writeFileSync(join(home, 'app/instance/holdfast-worker.service'), 'User=root');
    const packed = ['cuda', 'node', 'node_modules', 'runtime.digest', 'app/instance/holdfast-worker.service'];
    const { stdout } = spawnSync('tar', ['-cz', '-C', home, ...packed], { maxBuffer: 1e8 });
    const sha256 = createHash('sha256').update(stdout).digest('hex');

    const machine = new BootSandbox(tempDir());
    machine.put(`checkpoints/${pointer}`, sha256);
    machine.put(`checkpoints/${folder}${sha256}.tar.gz`, stdout);
    const { code, calls } = await machine.boot();
    expect(code).toBe(0);
    expect(calls.join('\n')).not.toContain('build-runtime');
    expect(machine.read('etc/systemd/system/holdfast-worker.service')).toContain('User=holdfast');
    const { mode } = statSync(join(machine.root, 'opt/holdfast/node_modules/tfjs/index.js'));
    expect(mode & 0o6022).toBe(0);
  });

  it('takes the runtime of a machine image that brings the very same one', async () => {
    const machine = new BootSandbox(tempDir());
    await machine.boot();
    const { code, calls } = await machine.boot();
    expect(code).toBe(0);
    expect(calls.join('\n')).not.toMatch(/build-runtime|runtime\/archives/);
  });

  it.each([
    ['the archive cannot be written', { FAIL: 'runtime.tar.gz s3:' }],
    ['the pointer cannot be written', { FAIL: 'put-object' }],
    ['the answer to the pointer is lost', { LOSE: 'put-object' }],
  ])('starts the worker although %s', async (_, env) => {
    const machine = new BootSandbox(tempDir());
    const { code, calls, output } = await machine.boot(machine.facts(), env);
    expect(code).toBe(0);
    expect(output).toContain('the runtime was not kept');
    expect(calls).toContain('systemctl enable --now holdfast-worker.service');
  });

  it('runs no bundle but the one that was deployed, and gives the machine up', async () => {
    const machine = new BootSandbox(tempDir());
    const { code, output, calls } = await machine.boot(machine.facts({ bundleSha256: 'f'.repeat(64) }));
    expect(code).not.toBe(0);
    expect(output).toContain('failed while checking the digest of the worker bundle');
    expect(machine.has('opt/holdfast/app')).toBe(false);
    // Time for the last lines, and for somebody to look.
    expect(calls).toContain('sleep 120');
    expect(calls.at(-1)).toBe(health);
  });

  it('asks five times for a bundle that does not come, and gives the machine up', async () => {
    const machine = new BootSandbox(tempDir());
    const { code, output, calls } = await machine.boot(machine.facts(), { FAIL: 's3 cp' });
    expect(code).not.toBe(0);
    expect(calls.filter((call) => call.startsWith('aws s3 cp'))).toHaveLength(5);
    expect(output).toContain('failed while fetching the worker bundle');
    expect(calls).toContain(health);
  });

  it('limits its own time before it fetches anything, and lifts the limit with the worker', async () => {
    const machine = new BootSandbox(tempDir());
    const { calls } = await machine.boot();
    const limit = calls.findIndex((call) => call.startsWith('systemd-run'));
    expect(calls[limit]).toMatch(/--unit holdfast-boot-limit --on-active 3600 .*systemctl poweroff$/);
    expect(limit).toBeLessThan(calls.findIndex((call) => call.startsWith('aws')));
    const failed = await new BootSandbox(tempDir()).boot(machine.facts(), { FAIL: 's3 cp' });
    expect(failed.code).not.toBe(0);
    expect(failed.calls.join('\n')).not.toContain('systemctl stop');
  });

  it('ships its log before the runtime, whose building takes long', async () => {
    const { calls } = await new BootSandbox(tempDir()).boot();
    const agent = calls.indexOf('dnf install -y -q amazon-cloudwatch-agent');
    expect(agent).toBeGreaterThan(0);
    expect(agent).toBeLessThan(calls.findIndex((call) => call.startsWith('build-runtime')));
  });

  it('powers off where not even the group can be told', async () => {
    const machine = new BootSandbox(tempDir());
    const { calls } = await machine.boot(machine.facts(), { FAIL: 'aws' });
    expect(calls.at(-1)).toBe('systemctl poweroff');
  });

  it('gives the machine up when preparing it fails, and says at what', async () => {
    const machine = new BootSandbox(tempDir());
    const { code, output, calls } = await machine.boot(machine.facts({ image: 'registry/holdfast:1' }), {
      FAIL: 'ecr',
    });
    expect(code).not.toBe(0);
    expect(output).toContain('failed while fetching the container image');
    expect(calls).toContain(health);
  });
});

describe('scratch space of an instance', () => {
  it('is a disk of the instance where one is free', async () => {
    const machine = new BootSandbox(tempDir());
    machine.addDisk('nvme1n1 \n');
    const { calls } = await machine.boot();
    expect(calls).toContain(`mount -o noatime ${machine.root}/dev/nvme1n1 ${machine.root}/mnt/holdfast`);
    expect(machine.read('etc/holdfast/worker.env')).toContain(
      `HOLDFAST_WORK_DIR=${machine.root}/mnt/holdfast/work\n`,
    );
    expect(calls.filter((call) => call.startsWith('mkfs'))).toHaveLength(1);
  });

  it.each([
    ['holds a partition', 'nvme1n1 \nnvme1n1p1 \n'],
    ['is mounted', 'nvme1n1 /data\n'],
  ])('never formats a disk that %s', async (_, lines) => {
    const machine = new BootSandbox(tempDir());
    machine.addDisk(lines);
    const { code, calls } = await machine.boot();
    expect(code).toBe(0);
    expect(calls.join('\n')).not.toContain('mkfs');
    expect(machine.read('etc/holdfast/worker.env')).toContain(`${machine.root}/var/lib/holdfast/work\n`);
  });

  it('is what the machine image has mounted already', async () => {
    const machine = new BootSandbox(tempDir());
    machine.write('opt/dlami/nvme/.mounted', '');
    machine.addDisk('nvme1n1 \nvg-lv /opt/dlami/nvme\n');
    const { calls } = await machine.boot();
    expect(calls.join('\n')).not.toContain('mkfs');
    expect(machine.read('etc/holdfast/worker.env')).toContain(
      `${machine.root}/opt/dlami/nvme/holdfast/work\n`,
    );
  });

  it('is the root disk where the other one is broken', async () => {
    const machine = new BootSandbox(tempDir());
    machine.addDisk('nvme1n1 \n');
    const { code, output } = await machine.boot(machine.facts(), { MKFS_FAILS: 'yes' });
    expect(code).toBe(0);
    expect(output).toContain('could not be used for scratch space');
    expect(machine.read('etc/holdfast/worker.env')).toContain(`${machine.root}/var/lib/holdfast/work\n`);
  });
});

describe('an instance that runs a container', () => {
  it('pulls the image, builds no runtime, and starts the other unit', async () => {
    const machine = new BootSandbox(tempDir());
    const { code, calls } = await machine.boot(
      machine.facts({ image: '1.dkr.ecr.eu-west-1.amazonaws.com/holdfast:1' }),
    );
    expect(code).toBe(0);
    expect(calls).toContain('docker login --username AWS --password-stdin 1.dkr.ecr.eu-west-1.amazonaws.com');
    expect(calls).toContain('docker pull --quiet 1.dkr.ecr.eu-west-1.amazonaws.com/holdfast:1');
    expect(calls.join('\n')).not.toContain('build-runtime');
    expect(machine.read('etc/systemd/system/holdfast-worker.service')).toContain('--network host');
    expect(machine.read('etc/holdfast/worker.env')).not.toContain('LD_LIBRARY_PATH');
  });
});

describe('the text of the boot', () => {
  const textOf = (): string => bootScript(new BootSandbox(tempDir()).facts());

  it('fits into user data with room to spare', () => {
    expect(Buffer.byteLength(textOf())).toBeLessThan(8 * 1024);
  });

  it('keeps whatever a name holds from being read as a command', async () => {
    const machine = new BootSandbox(tempDir());
    const name = `it's "$(touch ${machine.root}/hit)" \`touch ${machine.root}/hit\``;
    const { code } = await machine.boot(machine.facts({ autoScalingGroup: name }));
    expect(code).toBe(0);
    expect(machine.has('hit')).toBe(false);
    expect(machine.read('etc/holdfast/worker.env')).toContain(`HOLDFAST_AUTO_SCALING_GROUP=${name}\n`);
  });

  it('holds tokens as they are', () => {
    const token = '${Token[AWS.Region.4]}';
    expect(bootScript({ ...new BootSandbox(tempDir()).facts(), region: token })).toContain(
      `region='${token}'`,
    );
  });

  const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;

  it.skipIf(!hasShellcheck)('has nothing that shellcheck finds fault with', () => {
    const path = join(tempDir(), 'boot.sh');
    writeFileSync(path, textOf());
    const files = ['prepare.sh', 'build-runtime.sh'].map((name) =>
      packageFile(`infra/instance/files/${name}`),
    );
    const { stdout } = spawnSync('shellcheck', [path, ...files], { encoding: 'utf8' });
    expect(stdout).toBe('');
  });

  it('is parsed by bash without a complaint', () => {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: textOf(), encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('names archives below the prefix that the worker may write', () => {
    expect(folder).toMatch(/^runtime\/archives\/[0-9a-f]{64}\/$/);
  });
});
