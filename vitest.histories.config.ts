import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** `npm run test:histories`: thousands of simulated histories; `npm test` runs hundreds of the same. */
export default defineConfig({
  test: {
    include: ['test/simulation/long/**/*.test.ts'],
    testTimeout: 240_000,
    maxWorkers: availableParallelism(),
  },
});
