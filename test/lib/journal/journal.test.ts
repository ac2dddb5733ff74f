import { describe, expect, it } from 'vitest';
import { openJournal } from '../../../lib/journal/journal.ts';
import { claimed, jobId, portsOf, submittedJournal, checkpointFacts } from '../../support/journal-world.ts';

describe('a journal', () => {
  it('appends, claims, commits and reads back', async () => {
    const ports = portsOf();
    const journal = await submittedJournal(ports);
    const claim = await claimed(journal);
    await claim.append(() => ({ kind: 'restored', checkpoint: null, step: 0, bytes: 0, elapsedMs: 1 }));
    await claim.append(() => checkpointFacts({ claim: claim.token, ordinal: 1, step: 10 }));
    const again = await openJournal(ports, jobId);
    expect(again.state).toStrictEqual(journal.state);
    expect(again.state).toMatchObject({ sequence: 4, status: 'running', committed: 1, reachedStep: 10 });
  });
});
