import { pause } from '../lib/base/clock.ts';
import { messageOf } from '../lib/base/errors.ts';
import { objectKeys } from '../lib/contract/object-keys.ts';
import type { LogLine, MetricPoint } from '../lib/contract/segments.ts';
import type { World } from './world.ts';

/** A segment is sent when it holds this much, or after `segmentMs`. */
const segmentBytesMax = 256 * 1024;
/** Held back while the store is out of reach; above this the oldest lines go, and that is said. */
const pendingBytesMax = 16 * 1024 * 1024;

/**
 * Output and progress of one attempt, kept in the store as numbered segments that outlive the instance. Losing some never
 * stops training: they are for people, the journal is the truth.
 */
export class Segments {
  readonly #world: World;
  readonly #streams: { readonly logs: Stream; readonly metrics: Stream };
  readonly #timer = new AbortController();
  readonly #running: Promise<void>;

  constructor(world: World, jobId: string, claim: number) {
    this.#world = world;
    this.#streams = {
      logs: new Stream(world, (index) => objectKeys.logSegment(jobId, claim, index)),
      metrics: new Stream(world, (index) => objectKeys.metricSegment(jobId, claim, index)),
    };
    this.#running = this.#flushRegularly();
  }

  log(stream: LogLine['stream'], line: string, step: number): void {
    this.#streams.logs.add({
      at: this.#world.clock.now().toISOString(),
      stream,
      line,
      step,
    } satisfies LogLine);
  }

  metrics(point: Omit<MetricPoint, 'at'>): void {
    this.#streams.metrics.add({ at: this.#world.clock.now().toISOString(), ...point } satisfies MetricPoint);
  }

  /** Sends what is pending; at hand-over and at the end. */
  async flush(): Promise<void> {
    await Promise.all([this.#streams.logs.flush(), this.#streams.metrics.flush()]);
  }

  async close(): Promise<void> {
    this.#timer.abort();
    await this.#running;
    await this.flush();
  }

  async #flushRegularly(): Promise<void> {
    while (await pause(this.#world.clock, this.#world.timers.segmentMs, this.#timer.signal))
      await this.flush();
  }
}

class Stream {
  readonly #world: World;
  readonly #keyOf: (index: number) => string;
  #lines: string[] = [];
  #bytes = 0;
  #index = 0;
  #sending: Promise<void> = Promise.resolve();
  /** Lines given up since the last segment. */
  #dropped = 0;
  /** A flush waits for its turn: what is added meanwhile goes with it. */
  #isDue = false;

  constructor(world: World, keyOf: (index: number) => string) {
    this.#world = world;
    this.#keyOf = keyOf;
  }

  add(line: object): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#lines.push(text);
    this.#bytes += text.length;
    if (this.#bytes >= segmentBytesMax) void this.flush();
    for (; this.#bytes > pendingBytesMax; this.#dropped++) this.#bytes -= this.#lines.shift()?.length ?? 0;
  }

  flush(): Promise<void> {
    if (!this.#isDue) {
      this.#isDue = true;
      this.#sending = this.#sending.then(() => this.#send());
    }
    return this.#sending;
  }

  async #send(): Promise<void> {
    this.#isDue = false;
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    try {
      await this.#world.store.put(this.#keyOf(this.#index), new TextEncoder().encode(lines.join('')));
      this.#index++;
      if (this.#dropped > 0) this.#world.log.warn('segment-lines-dropped', { lines: this.#dropped });
      this.#dropped = 0;
    } catch (error) {
      this.#world.log.warn('segment-not-kept', { message: messageOf(error) });
      this.#lines = [...lines, ...this.#lines];
      this.#bytes = this.#lines.reduce((sum, line) => sum + line.length, 0);
    }
  }
}
