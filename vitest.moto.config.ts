import { defineConfig } from 'vitest/config';
import { motoIsInstalled } from './test/support/moto-server.ts';

/** `npm run test:moto`: drivers, deployment and whole jobs against an AWS that somebody else wrote. */
export default defineConfig({
  test: {
    // Without moto one visible skip stands for all of them.
    include: motoIsInstalled() ? ['test/moto/**/*.test.ts'] : ['test/moto/moto-is-there.test.ts'],
    globalSetup: ['test/support/build-once.ts'],
    env: {
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      AWS_EC2_METADATA_DISABLED: 'true',
      // moto takes any key for the owner of its one account.
      AWS_ACCESS_KEY_ID: 'moto',
      AWS_SECRET_ACCESS_KEY: 'moto',
    },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Each file has a moto of its own, and real trainings use both cores: one file after the other.
    fileParallelism: false,
  },
});
