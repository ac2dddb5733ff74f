import { TransientError } from '../../lib/base/errors.ts';
import type { Random } from '../../lib/base/random.ts';
import type { JobQueue } from '../../lib/queue/job-queue.ts';

export type QueueFault = 'unavailable' | 'lost-answer';

export interface FaultyQueueOptions {
  readonly random: Random;
  /** Share of calls, 0 to 1. */
  readonly rates: Readonly<Partial<Record<QueueFault, number>>>;
  /** While this says no, nothing goes wrong. @default always */
  readonly isBad?: () => boolean;
  readonly onFault?: (fault: { readonly method: string; readonly fault: QueueFault }) => void;
}

/** A queue whose network is bad: calls that are not served, and calls that are served without an answer. */
export function faultyJobQueue(queue: JobQueue, options: FaultyQueueOptions): JobQueue {
  const { random, rates, isBad = () => true, onFault = () => undefined } = options;
  const draw = (): QueueFault | undefined => {
    if (!isBad()) return undefined;
    const drawn = random.next();
    const { unavailable = 0, 'lost-answer': lost = 0 } = rates;
    if (drawn < unavailable) return 'unavailable';
    return drawn < unavailable + lost ? 'lost-answer' : undefined;
  };
  const call = async <Result>(method: string, apply: () => Promise<Result>): Promise<Result> => {
    const fault = draw();
    if (fault === undefined) return apply();
    onFault({ method, fault });
    if (fault === 'lost-answer') await apply();
    throw new TransientError(
      `${method} ${fault === 'lost-answer' ? 'got no answer' : 'was not served'} (a fault that was asked for).`,
    );
  };
  return {
    uri: queue.uri,
    send: (body, sending) => call('send', () => queue.send(body, sending)),
    receive: (receiving) => call('receive', () => queue.receive(receiving)),
    changeVisibility: (handle, ms) => call('changeVisibility', () => queue.changeVisibility(handle, ms)),
    delete: (handle) => call('delete', () => queue.delete(handle)),
    depth: () => call('depth', () => queue.depth()),
    setAside: (message, reason) => call('setAside', () => queue.setAside(message, reason)),
    deadLetters: (looking) => call('deadLetters', () => queue.deadLetters(looking)),
    redrive: (messageId) => call('redrive', () => queue.redrive(messageId)),
    close: () => queue.close(),
  };
}
