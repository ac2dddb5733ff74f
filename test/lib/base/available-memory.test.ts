import { describe, expect, it } from 'vitest';
import { availableMemory, cachedFilesIn } from '../../../lib/base/available-memory.ts';

describe('memory that is available', () => {
  it('is some, on the machine of this test', () => {
    expect(availableMemory()).toBeGreaterThan(1e6);
  });

  it('counts what a control group keeps of files, in either version of its account', () => {
    const second =
      'anon 100\nfile 900\nshmem 500\ninactive_anon 3\ninactive_file 30\nactive_file 400\nslab 9\n';
    const first = `cache 900\n${second}total_cache 990\ntotal_inactive_file 31\ntotal_active_file 401\n`;
    expect(cachedFilesIn(second)).toBe(430);
    expect(cachedFilesIn(first)).toBe(432);
    expect(cachedFilesIn('')).toBe(0);
  });
});
