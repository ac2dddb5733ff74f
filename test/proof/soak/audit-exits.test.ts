import { describe, expect, it } from 'vitest';
import { auditExits, type WorkerExit } from '../../../proof/soak/audit-exits.ts';

const exit = (code: number | null): WorkerExit => ({
  kind: 'exited',
  at: new Date(0),
  instanceId: `i-${code}`,
  code,
});

describe('auditExits', () => {
  it('finds nothing in workers that handed over, drained, or were struck', () => {
    expect(auditExits([75, 0, 137, null].map(exit))).toEqual([]);
  });

  it.each([1, 7, 70, 134, 139])('finds a worker that ended with %i by itself', (code) => {
    expect(auditExits([exit(75), exit(code)])).toEqual([
      { jobId: '', rule: 'no worker ends by a fault', what: expect.stringContaining(`i-${code} ended`) },
    ]);
  });
});
