import type { ThreadEvents, ThreadPort } from '../../../job/transfer/thread-handle.ts';
import type { FromThread, ThreadStart, ToThread } from '../../../job/transfer/thread-messages.ts';

/** A thread whose every word a test says. */
export class FakeThread implements ThreadPort {
  readonly start: ThreadStart;
  readonly heard: ToThread[] = [];
  isTerminated = false;
  #events: ThreadEvents | undefined;

  constructor(start: ThreadStart) {
    this.start = start;
  }

  get isUrgent(): boolean {
    return this.start.niceness === undefined;
  }

  /** Numbers of the tasks that it was given. */
  get tasks(): readonly number[] {
    return this.heard.flatMap((message) => (message.kind === 'do' ? [message.task] : []));
  }

  kinds(): readonly string[] {
    return this.heard.map(({ kind }) => kind);
  }

  tell(message: FromThread): void {
    this.#events?.message(message);
  }

  die(why = 'it exited with 1'): void {
    this.#events?.ended(why);
  }

  say(message: ToThread): void {
    this.heard.push(message);
  }

  listen(events: ThreadEvents): void {
    this.#events = events;
  }

  terminate(): Promise<unknown> {
    this.isTerminated = true;
    return Promise.resolve();
  }
}
