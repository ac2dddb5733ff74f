import { describe, expect, it } from 'vitest';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';

async function setAside(world: CliWorld, body: string, reason: string): Promise<void> {
  const region = await world.region();
  const queue = await region.queue();
  await queue.send(body);
  const message = await queue.receive({ waitMs: 0, visibilityMs: 60_000 });
  if (message === undefined) throw new Error('nothing was received');
  await queue.setAside(message, reason);
  await region.close();
}

describe('ls --dead-letters', () => {
  it('lists what was set aside, with reason, age and the beginning of the body', async () => {
    const world = cliWorld();
    const long = `what is this ${'and this '.repeat(40)}`;
    await world.region().then(async (region) => region.close());
    await setAside(world, long, 'the message is no ticket and no job');
    const { code, out, err } = await world.run(['ls', '--dead-letters']);
    expect(code).toBe(0);
    const [title = '', line = '', ...rest] = out.trimEnd().split('\n');
    expect(title).toMatch(/^ID +AGE +RECEIVES +REASON +BODY$/);
    expect(line).toMatch(/^[0-9a-f]{32} +\d+\S* +1 +the message is no ticket and no job +what is this.*…$/);
    expect(rest).toEqual([]);
    expect(err).toContain('holdfast retry --dead-letter');
    const { json } = await world.run(['ls', '--dead-letters', '--json']);
    expect(json).toEqual([
      {
        schemaVersion: 1,
        isComplete: true,
        deadLetters: [
          {
            messageId: expect.stringMatching(/^[0-9a-f]{32}$/),
            reason: 'the message is no ticket and no job',
            since: expect.stringMatching(/^\d{4}-/),
            receiveCount: 1,
            excerpt: long.slice(0, 200),
          },
        ],
      },
    ]);
  });

  it('says when there are none, and leaves no trace of having looked', async () => {
    const world = cliWorld();
    const { code, out, err } = await world.run(['ls', '--dead-letters']);
    expect([code, out]).toEqual([0, '']);
    expect(err).toContain('No dead letters');
    expect((await world.run(['ls', '--dead-letters', '--json'])).json).toMatchObject([{ deadLetters: [] }]);
  });
});

describe('retry --dead-letter', () => {
  it('sends a message once more', async () => {
    const world = cliWorld();
    await setAside(world, 'garbage', 'why');
    const listed = await world.run(['ls', '--dead-letters', '--json']);
    const [letter] = Object(listed.json[0])['deadLetters'];
    const { code, json } = await world.run(['retry', '--dead-letter', letter.messageId, '--json']);
    expect(code).toBe(0);
    expect(json).toMatchObject([{ deadLetter: letter.messageId, messageId: expect.any(String) }]);
    expect(await world.tickets()).toBe(1);
    expect((await world.run(['ls', '--dead-letters', '--json'])).json).toMatchObject([{ deadLetters: [] }]);
  });

  it('names one that is not there', async () => {
    const world = cliWorld();
    await setAside(world, 'garbage', 'why');
    const { code, err } = await world.run(['retry', '--dead-letter', 'nothing']);
    expect(code).toBe(3);
    expect(err).toContain('ls --dead-letters');
  });

  it.each([[[]], [['job-1', '--dead-letter', 'x']], [['--dead-letter', 'x', '--wait']]])(
    'takes a job or one dead letter: retry %j',
    async (args) => {
      const { code, err } = await cliWorld().run(['retry', ...args]);
      expect(code).toBe(2);
      expect(err).toContain('holdfast retry JOB');
    },
  );
});
