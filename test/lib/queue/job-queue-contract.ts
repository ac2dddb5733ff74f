import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { NotFoundError, UsageError } from '../../../lib/base/errors.ts';
import type { DeadLetter, JobQueue, QueueMessage } from '../../../lib/queue/job-queue.ts';

export interface OpenedQueue {
  readonly queue: JobQueue;
  /** Moves the driver's clock; absent where the driver runs on real time, which then really passes. */
  readonly advance?: (ms: number) => Promise<void>;
  readonly cleanUp: () => Promise<void>;
}

/** An empty queue of its own for each test. */
export type OpenQueue = () => Promise<OpenedQueue>;

export interface QueueTraits {
  /** What a receipt handle still does after the message was received again: SQS leaves it open. */
  readonly staleHandles: 'accepted' | 'refused' | 'either';
}

/** Holds a driver to every duty of `lib/queue/job-queue.ts`. Tests run concurrently: most of them wait for time to pass. */
export function describeJobQueue(name: string, open: OpenQueue, traits: QueueTraits): void {
  const holds: Holds = (duty, check) =>
    it(duty, async () => {
      const opened = await open();
      try {
        await check(harness(opened));
      } finally {
        await opened.cleanUp();
      }
    });
  describe.concurrent(`${name} as a job queue`, () => {
    describe('delivers', () => describeDelivery(holds));
    describe('hides', () => describeVisibility(holds));
    describe('meets stale handles', () => describeStaleHandles(holds, traits));
    describe('waits', () => describeLongPoll(holds));
    describe('sets aside', () => describeDeadLetters(holds));
  });
}

/** SQS counts visibility and delays in whole seconds, so this is the shortest time that every driver can keep. */
const secondMs = 1_000;
const longMs = 60_000;

interface Harness {
  readonly queue: JobQueue;
  /** Lets time pass, by the driver's clock or really. */
  readonly pass: (ms: number) => Promise<void>;
  /** Lets time pass until `pending` settles, so that a request still under way to a server meets a clock that moves. */
  readonly passUntil: <Result>(pending: Promise<Result>) => Promise<Result>;
  /** One receive that does not wait. */
  readonly take: (visibilityMs?: number) => Promise<QueueMessage | undefined>;
}

type Holds = (duty: string, check: (harness: Harness) => Promise<void>) => void;

function harness({ queue, advance }: OpenedQueue): Harness {
  const pass = advance ?? (async (ms: number): Promise<void> => systemClock.sleep(ms));
  return {
    queue,
    pass,
    async passUntil(pending) {
      const state = { settled: false };
      const settle = (): void => {
        state.settled = true;
      };
      pending.then(settle, settle);
      for (let step = 0; step < 60 && !state.settled; step++) {
        await pass(50);
        // Answers that come over a socket need real turns of the event loop, whatever the driver's clock says.
        await systemClock.sleep(1);
      }
      if (!state.settled) throw new Error('still waiting after 3 s, for what should have come sooner');
      return pending;
    },
    take: async (visibilityMs = longMs) => queue.receive({ waitMs: 0, visibilityMs }),
  };
}

async function mustTake(from: Harness, visibilityMs?: number): Promise<QueueMessage> {
  const message = await from.take(visibilityMs);
  if (message === undefined) throw new Error('a visible message was not received');
  return message;
}

function describeDelivery(holds: Holds): void {
  holds('gives undefined when empty', async ({ take, queue }) => {
    expect(await take()).toBeUndefined();
    expect(await queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  holds('delivers the body as it was sent, with the id that send told', async (test) => {
    const body = '{"format":1,"jobId":"caf\u00e9-\u{1f980}"}\n "quotes" <tags> & more';
    const { messageId } = await test.queue.send(body, { groupId: 'owner' });
    expect(await mustTake(test)).toMatchObject({ messageId, body, receiveCount: 1 });
  });

  holds('delivers equal bodies as the separate messages that they are', async (test) => {
    const first = await test.queue.send('same');
    const second = await test.queue.send('same');
    const received = [await mustTake(test), await mustTake(test)];
    expect(received.map(({ messageId }) => messageId).toSorted()).toEqual(
      [first.messageId, second.messageId].toSorted(),
    );
    expect(await test.take()).toBeUndefined();
  });

  holds('gives one message to exactly one of 32 receivers', async ({ queue, take }) => {
    await queue.send('only one');
    const received = await Promise.all(Array.from({ length: 32 }, async () => take()));
    expect(received.filter((message) => message !== undefined)).toHaveLength(1);
  });

  holds('gives 20 messages to 20 of 32 receivers, each once', async ({ queue, take }) => {
    const sent = await Promise.all(Array.from({ length: 20 }, async (_, index) => queue.send(`${index}`)));
    const received = await Promise.all(Array.from({ length: 32 }, async () => take()));
    // A standard queue may answer "nothing" while something is there; what it gives, it gives once.
    const rest: QueueMessage[] = [];
    for (let message = await take(); message !== undefined; message = await take()) rest.push(message);
    const ids = [...received, ...rest].flatMap((message) => message?.messageId ?? []);
    expect(ids.toSorted()).toEqual(sent.map(({ messageId }) => messageId).toSorted());
  });

  holds('never shows a deleted message again', async (test) => {
    await test.queue.send('done');
    const { receiptHandle } = await mustTake(test, secondMs);
    await test.queue.delete(receiptHandle);
    await test.pass(1.2 * secondMs);
    expect(await test.take()).toBeUndefined();
    expect(await test.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  holds('deletes twice without an error', async (test) => {
    await test.queue.send('done');
    const { receiptHandle } = await mustTake(test);
    await test.queue.delete(receiptHandle);
    await test.queue.delete(receiptHandle);
    expect(await test.take()).toBeUndefined();
  });

  holds('takes a body of exactly 1 MiB and refuses one byte more', async ({ queue, take }) => {
    const most = 'x'.repeat(2 ** 20);
    await expect(queue.send(`${most}x`)).rejects.toBeInstanceOf(UsageError);
    // Two bytes each in UTF-8: it is bytes that count, not characters.
    await expect(queue.send('\u00e9'.repeat(2 ** 19 + 1))).rejects.toBeInstanceOf(UsageError);
    expect(await take()).toBeUndefined();
    await queue.send(most);
    expect((await take())?.body.length).toBe(most.length);
  });

  holds('counts what is visible, in flight and delayed', async (test) => {
    await test.queue.send('one');
    await test.queue.send('two');
    await test.queue.send('three');
    await test.queue.send('later', { delayMs: longMs });
    await mustTake(test);
    expect(await test.queue.depth()).toEqual({ visible: 2, inFlight: 1, delayed: 1 });
  });
}

function describeVisibility(holds: Holds): void {
  holds('hides a received message, shows it again when the time is over, and counts', async (test) => {
    const { messageId } = await test.queue.send('again');
    const first = await mustTake(test, secondMs);
    expect(await test.take()).toBeUndefined();
    await test.pass(1.2 * secondMs);
    const second = await mustTake(test);
    expect(second).toMatchObject({ messageId, body: 'again', receiveCount: 2 });
    expect(second.receiptHandle).not.toBe(first.receiptHandle);
  });

  holds('shows the message at once when its visibility is set to 0', async (test) => {
    await test.queue.send('handed back');
    const { receiptHandle } = await mustTake(test);
    expect(await test.queue.changeVisibility(receiptHandle, 0)).toBe('changed');
    expect(await mustTake(test)).toMatchObject({ body: 'handed back', receiveCount: 2 });
  });

  holds('extends from now, again and again with one handle', async (test) => {
    await test.queue.send('long work');
    const { receiptHandle } = await mustTake(test, secondMs);
    for (let renewal = 0; renewal < 2; renewal++) {
      await test.pass(0.6 * secondMs);
      expect(await test.queue.changeVisibility(receiptHandle, secondMs)).toBe('changed');
    }
    await test.pass(0.6 * secondMs);
    expect(await test.take()).toBeUndefined();
    await test.pass(0.6 * secondMs);
    expect((await mustTake(test)).receiveCount).toBe(2);
  });

  holds('shortens too', async (test) => {
    await test.queue.send('short after all');
    const { receiptHandle } = await mustTake(test, longMs);
    expect(await test.queue.changeVisibility(receiptHandle, secondMs)).toBe('changed');
    await test.pass(1.2 * secondMs);
    expect((await mustTake(test)).receiveCount).toBe(2);
  });

  holds('calls a deleted message lost', async (test) => {
    await test.queue.send('gone');
    const { receiptHandle } = await mustTake(test);
    await test.queue.delete(receiptHandle);
    expect(await test.queue.changeVisibility(receiptHandle, longMs)).toBe('lost');
  });

  holds('hides a delayed message until its time', async (test) => {
    await test.queue.send('later', { delayMs: secondMs });
    expect(await test.take()).toBeUndefined();
    await test.pass(1.2 * secondMs);
    expect(await mustTake(test)).toMatchObject({ body: 'later', receiveCount: 1 });
  });

  holds('hides each message on its own', async (test) => {
    await test.queue.send('one');
    await test.queue.send('two');
    const short = await mustTake(test, secondMs);
    const long = await mustTake(test, longMs);
    await test.pass(1.2 * secondMs);
    expect((await mustTake(test)).messageId).toBe(short.messageId);
    expect(await test.queue.changeVisibility(long.receiptHandle, longMs)).toBe('changed');
  });
}

const receivedTwice = async (test: Harness): Promise<{ stale: string; current: string }> => {
  await test.queue.send('taken over');
  const first = await mustTake(test, secondMs);
  await test.pass(1.2 * secondMs);
  const second = await mustTake(test);
  return { stale: first.receiptHandle, current: second.receiptHandle };
};

function describeStaleHandles(holds: Holds, { staleHandles }: QueueTraits): void {
  holds(`a renewal after expiry and another receive: ${staleHandles}`, async (test) => {
    const { stale, current } = await receivedTwice(test);
    const expected = { accepted: ['changed'], refused: ['lost'], either: ['changed', 'lost'] }[staleHandles];
    expect(expected).toContain(await test.queue.changeVisibility(stale, longMs));
    expect(await test.take()).toBeUndefined();
    expect(await test.queue.changeVisibility(current, longMs)).toBe('changed');
  });

  holds(`a delete after expiry and another receive: ${staleHandles}, and never an error`, async (test) => {
    const { stale, current } = await receivedTwice(test);
    await test.queue.delete(stale);
    const { inFlight } = await test.queue.depth();
    expect({ accepted: [0], refused: [1], either: [0, 1] }[staleHandles]).toContain(inFlight);
    await test.queue.delete(current);
    expect(await test.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });
}

function describeLongPoll(holds: Holds): void {
  holds('gives up after the wait', async ({ queue, passUntil }) => {
    expect(await passUntil(queue.receive({ waitMs: secondMs, visibilityMs: longMs }))).toBeUndefined();
  });

  holds('wakes when a message arrives', async ({ queue, passUntil }) => {
    const pending = queue.receive({ waitMs: 5 * secondMs, visibilityMs: longMs });
    const { messageId } = await queue.send('arrived');
    expect(await passUntil(pending)).toMatchObject({ messageId, receiveCount: 1 });
  });

  holds('wakes when a hidden message shows again', async (test) => {
    const { messageId } = await test.queue.send('hidden');
    await mustTake(test, secondMs);
    const pending = test.queue.receive({ waitMs: 5 * secondMs, visibilityMs: longMs });
    expect(await test.passUntil(pending)).toMatchObject({ messageId, receiveCount: 2 });
  });

  holds('wakes when a message is handed back', async (test) => {
    const { messageId } = await test.queue.send('hidden');
    const { receiptHandle } = await mustTake(test);
    const pending = test.queue.receive({ waitMs: 5 * secondMs, visibilityMs: longMs });
    await test.queue.changeVisibility(receiptHandle, 0);
    expect(await test.passUntil(pending)).toMatchObject({ messageId, receiveCount: 2 });
  });

  holds('gives undefined at once when aborted, and takes nothing with it', async ({ queue, take }) => {
    const abort = new AbortController();
    const pending = queue.receive({ waitMs: longMs, visibilityMs: longMs, signal: abort.signal });
    abort.abort();
    expect(await pending).toBeUndefined();
    await queue.send('after');
    expect(
      await queue.receive({ waitMs: longMs, visibilityMs: longMs, signal: abort.signal }),
    ).toBeUndefined();
    expect((await take())?.body).toBe('after');
  });
}

/** All that can be seen, by as many looks as it takes. */
const look = async ({ queue, passUntil }: Harness, limit = 100): Promise<readonly DeadLetter[]> =>
  passUntil(queue.deadLetters({ limit }));

function describeDeadLetters(holds: Holds): void {
  holds('what cannot be read, with the reason, for people to look at', async (test) => {
    await test.queue.send('what is this?');
    const message = await mustTake(test);
    expect(await test.queue.setAside(message, 'it is no JSON')).toBe('set-aside');
    expect(await test.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    const [letter, ...others] = await look(test);
    expect(letter).toMatchObject({ excerpt: 'what is this?', reason: 'it is no JSON', receiveCount: 1 });
    expect(letter?.since.getTime()).toBeGreaterThan(Date.parse('2025-01-01'));
    expect(others).toEqual([]);
  });

  holds('nothing at first', async (test) => {
    expect(await look(test)).toEqual([]);
  });

  holds('one of several messages, and leaves the others', async (test) => {
    await test.queue.send('one');
    await test.queue.send('two');
    const message = await mustTake(test, longMs);
    await test.queue.setAside(message, 'why not');
    expect(await test.queue.depth()).toMatchObject({ visible: 1, inFlight: 0 });
    expect((await look(test)).map(({ excerpt }) => excerpt)).toEqual([message.body]);
  });

  holds('and shows it again and again: a look takes nothing away', async (test) => {
    for (const body of ['one', 'two', 'three']) {
      await test.queue.send(body);
      await test.queue.setAside(await mustTake(test), `why ${body}`);
    }
    for (let count = 0; count < 3; count++) {
      const letters = await look(test);
      expect(letters.map(({ excerpt, reason }) => `${excerpt}: ${reason}`).toSorted()).toEqual([
        'one: why one',
        'three: why three',
        'two: why two',
      ]);
    }
    expect(await look(test, 2)).toHaveLength(2);
    expect(await look(test)).toHaveLength(3);
  });

  holds('what is sent once more when somebody asks for it', async (test) => {
    const body = '{"format":1,"jobId":"caf\u00e9"} <tags> & "quotes"';
    await test.queue.send(body);
    await test.queue.setAside(await mustTake(test), 'no such job');
    await test.queue.send('other');
    await test.queue.setAside(await mustTake(test), 'no such job either');
    const letter = (await look(test)).find(({ excerpt }) => excerpt === body);
    const { messageId } = await test.passUntil(test.queue.redrive(letter?.messageId ?? ''));
    expect(await mustTake(test)).toMatchObject({ messageId, body, receiveCount: 1 });
    expect(await test.take()).toBeUndefined();
    expect((await look(test)).map(({ excerpt }) => excerpt)).toEqual(['other']);
  });

  holds('and names a dead letter that is not there', async (test) => {
    await test.queue.send('other');
    await test.queue.setAside(await mustTake(test), 'why not');
    await expect(test.passUntil(test.queue.redrive('0'.repeat(32)))).rejects.toBeInstanceOf(NotFoundError);
    expect(await look(test)).toHaveLength(1);
  });

  holds('a body of 1 MiB, and shows its beginning', async (test) => {
    await test.queue.send('x'.repeat(2 ** 20));
    expect(await test.queue.setAside(await mustTake(test), 'far too long')).toBe('set-aside');
    expect(await test.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    expect(await look(test)).toMatchObject([{ excerpt: 'x'.repeat(200), reason: 'far too long' }]);
  });

  holds('for reasons with any characters, and long ones', async (test) => {
    await test.queue.send('odd');
    const reason = `unexpected token "\u0000\u0007" \u{1f980} in \ud800 ${'and so on '.repeat(200)}`;
    expect(await test.queue.setAside(await mustTake(test), reason)).toBe('set-aside');
    const [letter] = await look(test);
    expect(letter?.reason).toContain('unexpected token "');
    expect(letter?.reason).toContain('\u{1f980} in');
  });
}
