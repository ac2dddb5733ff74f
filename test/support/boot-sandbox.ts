import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { bootScript } from '../../infra/instance/boot-script.ts';
import type { BootFacts, ContainerBootFacts } from '../../infra/instance/boot-facts.ts';
import { instanceFiles } from '../../infra/instance/instance-files.ts';
import { tarOf } from '../../infra/instance/tar.ts';
import { sha256Hex } from '../../lib/base/digest.ts';

/** What a sandboxed boot did. */
export interface Boot {
  readonly code: number | null;
  /** What the console shows. */
  readonly output: string;
  /** Calls of everything that reaches beyond files, in order: `aws s3 cp …`, `systemctl enable …`. */
  readonly calls: readonly string[];
}

/** Stands for the image's build script: the files that the archive is made of, without the gigabytes. */
const smallRuntime = String.raw`#!/bin/bash
set -e
echo build-runtime "$@" >>"$CALLS"
mkdir -p "$1/node/bin" "$1/node_modules/tfjs" "$1/cuda/lib"
echo node >"$1/node/bin/node"; echo tfjs >"$1/node_modules/tfjs/index.js"; echo cuda >"$1/cuda/lib/libcudart.so.11.0"
`;

/** A bucket is a folder. FAIL holds a pattern of calls that are refused; LOSE one of calls that are done and not answered. */
const aws = String.raw`#!/bin/bash
echo aws "$@" >>"$CALLS"
if [ -n "$FAIL" ] && [[ "aws $*" =~ $FAIL ]]; then echo 'refused' >&2; exit 1; fi
at() { echo "$BUCKETS/$(echo "$1" | sed 's#^s3://##')"; }
case "$1 $2" in
  's3 cp')
    from=$4 to=$5
    if [ "$to" = - ]; then cat "$(at "$from")"
    elif [[ $to = s3://* ]]; then mkdir -p "$(dirname "$(at "$to")")"; cp "$from" "$(at "$to")"
    else cp "$(at "$from")" "$to"; fi ;;
  's3api put-object')
    file=$BUCKETS/$4/$6; mkdir -p "$(dirname "$file")"
    if [ "$9" = --if-none-match ] && [ -e "$file" ]; then echo PreconditionFailed >&2; exit 254; fi
    cp "$8" "$file" ;;
  'autoscaling set-instance-health') ;;
  'ecr get-login-password') echo secret ;;
  *) echo "unknown: $*" >&2; exit 2 ;;
esac
code=$?
if [ -n "$LOSE" ] && [[ "aws $*" =~ $LOSE ]]; then exit 1; fi
exit $code
`;

const logged = (name: string, more = ''): string => `#!/bin/bash\necho ${name} "$@" >>"$CALLS"\n${more}\n`;

/** Programs that would change the machine, or need one that this is not. */
const stubs: Readonly<Record<string, string>> = {
  aws,
  systemctl: logged('systemctl'),
  'systemd-run': logged('systemd-run'),
  useradd: logged('useradd'),
  usermod: logged('usermod'),
  chown: logged('chown'),
  docker: logged('docker', 'if [ "$1" = login ]; then cat >/dev/null; fi'),
  dnf: logged('dnf'),
  sleep: logged('sleep'),
  getent: 'exit 2',
  mountpoint: '[ -e "$2/.mounted" ]',
  lsblk: 'cat "$3.lsblk"',
  'mkfs.ext4': logged('mkfs.ext4', '[ -z "$MKFS_FAILS" ]'),
  mount: logged('mount'),
  'nvidia-smi': logged('nvidia-smi', 'echo "GPU 0: Tesla T4"'),
  'nvidia-modprobe': logged('nvidia-modprobe'),
  curl: logged('curl', 'case "$*" in *instance-id*) echo i-0abc ;; *) echo token ;; esac'),
};

/** A machine as it looks to a boot script: a folder as its disk, a folder as its buckets, programs that only take notes. */
export class BootSandbox {
  readonly root: string;
  readonly #buckets: string;
  readonly #bin: string;
  readonly #calls: string;
  readonly #bundleSha256: string;

  constructor(folder: string) {
    this.root = join(folder, 'root');
    this.#buckets = join(folder, 'buckets');
    this.#bin = join(folder, 'bin');
    this.#calls = join(folder, 'calls');
    mkdirSync(this.root);
    mkdirSync(this.#bin);
    writeFileSync(this.#calls, '');
    for (const [name, text] of Object.entries(stubs)) {
      const path = join(this.#bin, name);
      writeFileSync(path, text.startsWith('#!') ? text : `#!/bin/bash\n${text}\n`);
      chmodSync(path, 0o755);
    }
    const bundle = tarOf(
      instanceFiles().map((file) =>
        file.path.endsWith('build-runtime.sh') ? { ...file, bytes: Buffer.from(smallRuntime) } : file,
      ),
    );
    this.#bundleSha256 = sha256Hex(bundle);
    this.put('assets/worker.tar', bundle);
  }

  facts(more: Partial<ContainerBootFacts> = {}): BootFacts | ContainerBootFacts {
    return {
      region: 'eu-west-1',
      store: 's3://checkpoints?region=eu-west-1',
      bucket: 'checkpoints',
      queue: 'https://sqs.eu-west-1.amazonaws.com/1/jobs',
      autoScalingGroup: 'workers',
      bundle: 's3://assets/worker.tar',
      bundleSha256: this.#bundleSha256,
      logGroup: '/holdfast/workers',
      idleTimeoutMs: 600_000,
      ...more,
    };
  }

  /** Lays an object into a bucket: `bucket/key`. */
  put(path: string, bytes: Uint8Array | string): void {
    mkdirSync(dirname(join(this.#buckets, path)), { recursive: true });
    writeFileSync(join(this.#buckets, path), bytes);
  }

  /** Paths below a bucket's prefix, with slashes. */
  objects(bucket: string): readonly string[] {
    const folder = join(this.#buckets, bucket);
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .toSorted();
  }

  object(bucket: string, key: string): Uint8Array {
    return readFileSync(join(this.#buckets, bucket, key));
  }

  /** Lays a file on the machine's disk. */
  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  /** A disk of the instance that shows up as `nvme1n1`; `lines` is what lsblk says of it. */
  addDisk(lines: string): void {
    const byId = join(this.root, 'dev/disk/by-id');
    mkdirSync(byId, { recursive: true });
    const disk = join(this.root, 'dev/nvme1n1');
    writeFileSync(disk, '');
    writeFileSync(`${disk}.lsblk`, lines);
    for (const suffix of ['', '_1']) {
      symlinkSync(disk, join(byId, `nvme-Amazon_EC2_NVMe_Instance_Storage_AWS1${suffix}`));
    }
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  /** Boots the machine. `env` sets FAIL, LOSE and the like for the stubs. */
  async boot(
    facts: BootFacts | ContainerBootFacts = this.facts(),
    env: Readonly<Record<string, string>> = {},
  ): Promise<Boot> {
    writeFileSync(this.#calls, '');
    const child = spawn('bash', ['-c', bootScript(facts)], {
      env: {
        PATH: `${this.#bin}:/usr/bin:/bin`,
        HOLDFAST_BOOT_ROOT: this.root,
        BUCKETS: this.#buckets,
        CALLS: this.#calls,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text));
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    const calls = readFileSync(this.#calls, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    return { code, output, calls };
  }
}
