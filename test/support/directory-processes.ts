import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const script = join(import.meta.dirname, 'directory-process.mjs');

/** A running `directory-process.mjs`. */
export class DirectoryProcess {
  /** What it printed, without the first `ready`. */
  readonly said: unknown[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #heard: () => void = () => {};
  #complaint = '';

  constructor(order: Readonly<Record<string, unknown>>) {
    this.#child = spawn(process.execPath, [script, JSON.stringify(order)], { stdio: 'pipe' });
    this.#exited = once(this.#child, 'close');
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.#complaint += text.toString();
    });
    this.#child.stdin?.on('error', () => {});
    if (this.#child.stdout === null) throw new Error('a child without stdout');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.said.push(JSON.parse(line));
      this.#heard();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits until it has printed so many values. */
  async says(count: number): Promise<void> {
    while (this.said.length < count) {
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#heard = resolve;
        }),
        this.#exited.then(() => {
          if (this.said.length < count) throw new Error(`a process ended early: ${this.#complaint}`);
        }),
      ]);
    }
  }

  /** Lets it begin, once it has opened what it needs. */
  async go(): Promise<void> {
    await this.says(1);
    this.said.shift();
    this.#child.stdin?.write('go');
  }

  /** Ends by itself. @throws when it fails */
  async ends(): Promise<void> {
    await this.#exited;
    if (this.#child.exitCode !== 0) throw new Error(`a process failed: ${this.#complaint}`);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/** Several with the same order, opened and then started together. */
export async function startTogether(
  count: number,
  order: Readonly<Record<string, unknown>>,
): Promise<readonly DirectoryProcess[]> {
  const processes = Array.from({ length: count }, () => new DirectoryProcess(order));
  await Promise.all(processes.map(async (each) => each.says(1)));
  await Promise.all(processes.map(async (each) => each.go()));
  return processes;
}
