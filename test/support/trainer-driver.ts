import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Socket } from 'node:net';
import { openChannel, type Channel } from '../../job/trainer/channel.ts';
import { deferred, type Deferred } from '../../lib/base/deferred.ts';
import {
  type SupervisorMessage,
  type TrainerMessage,
  trainerMessageSchema,
  type TrainerStart,
} from '../../lib/contract/trainer-messages.ts';

const root = join(import.meta.dirname, '..', '..');
const ownHost = join(root, 'dist', 'job', 'trainer', 'tfjs-host.js');

/** Ten thousand digits, made by `npm ci`. */
export const digitsPath: string = join(root, 'examples', 'mnist', 'digits.bin');

/** A staged checkpoint that the driver copied out of its slot. */
export interface CopiedCheckpoint {
  readonly id: string;
  readonly step: number;
  readonly reason: string;
  readonly dir: string;
  /** SHA-256 of each file. */
  readonly digests: Readonly<Record<string, string>>;
}

type Of<Kind extends TrainerMessage['kind']> = Extract<TrainerMessage, { kind: Kind }>;

export interface DriveOptions {
  /** Bundled program. */
  readonly program: string;
  /** A folder of this test's own. */
  readonly dir: string;
  readonly start?: Partial<TrainerStart>;
  /** Undefined: a fresh start. */
  readonly from?: CopiedCheckpoint | undefined;
  readonly fork?: boolean;
  /** Keep slots instead of releasing them as soon as they are copied. */
  readonly keepSlots?: boolean;
  /** Begin only when the test says `begin`. */
  readonly waitToBegin?: boolean;
  /** Another copy of the host, with other packages beside it. */
  readonly host?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** A command that starts the process, as `taskset -c 0`. */
  readonly prefix?: readonly string[];
}

let started = 0;

/** The smallest supervisor: starts the real trainer process, copies what is staged, and releases the slot. */
export class TrainerDriver {
  readonly child: ChildProcess;
  readonly messages: TrainerMessage[] = [];
  readonly copies: CopiedCheckpoint[] = [];
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly stagingDir: string;
  readonly #options: DriveOptions;
  readonly #home: string;
  readonly #channel: Channel<SupervisorMessage>;
  #waiting: {
    readonly matches: (message: TrainerMessage) => boolean;
    readonly found: Deferred<TrainerMessage>;
  }[] = [];
  #output = '';

  constructor(options: DriveOptions) {
    const { program, dir, start, from, waitToBegin = false, host = ownHost } = options;
    const { env = process.env, prefix = [] } = options;
    this.#options = options;
    this.#home = join(dir, `trainer-${++started}`);
    this.stagingDir = join(this.#home, 'staging');
    mkdirSync(this.stagingDir, { recursive: true });
    const orders: TrainerStart = {
      format: 1,
      jobId: 'job-1',
      program,
      params: {},
      inputs: { digits: digitsPath },
      inputDigests: {},
      stagingDir: this.stagingDir,
      save: {},
      resuming: from !== undefined,
      ...start,
    };
    const startPath = join(this.#home, 'start.json');
    writeFileSync(startPath, JSON.stringify(orders));
    const [command, ...args] = [...prefix, process.execPath, host, startPath];
    this.child = spawn(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const channel = this.child.stdio[3];
    if (!(channel instanceof Socket)) throw new Error('descriptor 3 is no socket');
    this.#channel = openChannel<typeof trainerMessageSchema, SupervisorMessage>(channel, {
      incoming: trainerMessageSchema,
      onMessage: (message) => this.#take(message),
      onFault: (why) => this.#fail(new Error(why)),
      onClose: () => {},
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    const exited = deferred<{ code: number | null; signal: string | null }>();
    this.exited = exited.promise;
    this.child.on('close', (code, signal) => {
      exited.resolve({ code, signal });
      this.#fail(new Error(`the trainer ended with ${code ?? signal}: ${this.#last()}\n${this.#output}`));
    });
    if (!waitToBegin) this.begin();
  }

  begin(): void {
    const { from, fork = false } = this.#options;
    this.send(from === undefined ? { kind: 'fresh' } : { kind: 'restore', dir: from.dir, fork });
  }

  send(message: SupervisorMessage): void {
    this.#channel.send(message);
  }

  /** The first message of this kind that fits, past ones included. Rejects when the trainer ends without it. */
  async saw<Kind extends TrainerMessage['kind']>(
    kind: Kind,
    fits: (message: Of<Kind>) => boolean = () => true,
  ): Promise<Of<Kind>> {
    const matches = (message: TrainerMessage): message is Of<Kind> => isOf(message, kind) && fits(message);
    const known = this.messages.find(matches);
    if (known !== undefined) return known;
    const found = deferred<TrainerMessage>();
    this.#waiting.push({ matches, found });
    const message = await found.promise;
    if (!matches(message)) throw new Error('another message was found');
    return message;
  }

  /** Resolves when `count` checkpoints were staged. */
  async sawStaged(count: number): Promise<void> {
    if (count > 0) await this.saw('staged', () => this.all('staged').length >= count);
  }

  all<Kind extends TrainerMessage['kind']>(kind: Kind): readonly Of<Kind>[] {
    return this.messages.filter((message): message is Of<Kind> => isOf(message, kind));
  }

  /** Lets the training come to its end, and returns the result. */
  async finish(): Promise<CopiedCheckpoint> {
    const done = await this.saw('done');
    this.send({ kind: 'stop' });
    const { code } = await this.exited;
    if (code !== 0) throw new Error(`the trainer ended with ${code}\n${this.#output}`);
    const copy = this.copies.find(({ id }) => id === done.id);
    if (copy === undefined) throw new Error('the result was not staged before `done`');
    return copy;
  }

  /** SIGKILL, and wait until nothing of it is left. What was staged before counts. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** As `kill -9` of the supervisor: the channel closes. */
  disappear(): void {
    this.#channel.end();
    const channel = this.child.stdio[3];
    if (channel instanceof Socket) channel.destroy();
  }

  #take(message: TrainerMessage): void {
    this.messages.push(message);
    if (message.kind === 'staged') this.#copy(message);
    if (message.kind === 'abandoned') this.send({ kind: 'release', slot: message.slot, committed: false });
    for (const waiting of this.#waiting) if (waiting.matches(message)) waiting.found.resolve(message);
    this.#waiting = this.#waiting.filter((waiting) => !waiting.matches(message));
  }

  #copy({ id, slot }: Of<'staged'>): void {
    const staging = this.all('staging').find((message) => message.id === id);
    if (staging === undefined) throw new Error(`${id} was staged without being announced`);
    const dir = join(this.#home, 'copies', id);
    const digests: Record<string, string> = {};
    for (const { path, bytes } of staging.files) {
      const content = readExactly(join(this.stagingDir, `slot-${slot}`, path), bytes);
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), content);
      digests[path] = createHash('sha256').update(content).digest('hex');
    }
    this.copies.push({ id, step: staging.step, reason: staging.reason, dir, digests });
    if (this.#options.keepSlots !== true) this.send({ kind: 'release', slot });
  }

  #fail(error: Error): void {
    for (const { found } of this.#waiting) found.reject(error);
    this.#waiting = [];
  }

  #last(): string {
    return JSON.stringify(this.messages.filter(({ kind }) => kind !== 'written').at(-1));
  }
}

function isOf<Kind extends TrainerMessage['kind']>(message: TrainerMessage, kind: Kind): message is Of<Kind> {
  return message.kind === kind;
}

function readExactly(path: string, bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  const file = openSync(path, 'r');
  try {
    if (readSync(file, content, 0, bytes, 0) !== bytes) throw new Error(`${path} is shorter than announced`);
  } finally {
    closeSync(file);
  }
  return content;
}

export function trainerDocumentOf(copy: CopiedCheckpoint): Record<string, unknown> {
  const document: unknown = JSON.parse(readFileSync(join(copy.dir, 'trainer.json'), 'utf8'));
  if (typeof document !== 'object' || document === null) throw new Error('trainer.json is no object');
  return { ...document };
}

/** Fails early, with a hint, where `npm ci` did not make the digits. */
export function mustHaveDigits(): void {
  if (!existsSync(digitsPath)) throw new Error(`${digitsPath} is missing: run node scripts/make-digits.mjs`);
}
