import { describe, expect, it } from 'vitest';
import { instanceSettings } from '../../job/instance-settings.ts';
import { defaultTimers } from '../../lib/contract/timers.ts';

const needed = {
  HOLDFAST_STORE: 's3://checkpoints?region=eu-west-1',
  HOLDFAST_QUEUE: 'https://sqs.eu-west-1.amazonaws.com/1/jobs',
  HOLDFAST_WORK_DIR: '/mnt/holdfast/work',
};

describe('the settings of an instance', () => {
  it('are read from the environment that the boot script wrote', () => {
    expect(
      instanceSettings({
        ...needed,
        HOLDFAST_IDLE_EXIT_MS: '600000',
        HOLDFAST_AUTO_SCALING_GROUP: 'workers',
        HOLDFAST_GPU: 'required',
        HOLDFAST_RUNTIME: 'abc',
        CUDA_CACHE_PATH: '/mnt/holdfast/ptx',
      }),
    ).toEqual({
      store: needed.HOLDFAST_STORE,
      queue: needed.HOLDFAST_QUEUE,
      workDir: needed.HOLDFAST_WORK_DIR,
      timers: defaultTimers,
      idleExitMs: 600_000,
      imdsEndpoint: 'http://169.254.169.254',
      autoScalingGroup: 'workers',
      isGpuRequired: true,
      runtime: 'abc',
      gpuCodeFolder: '/mnt/holdfast/ptx',
    });
  });

  it('name everything that is missing or empty at once', () => {
    expect(() => instanceSettings({ HOLDFAST_STORE: '', HOLDFAST_QUEUE: 'x' })).toThrow(
      'the environment of the worker lacks HOLDFAST_STORE, HOLDFAST_WORK_DIR.',
    );
  });

  it.each([
    [{ HOLDFAST_IDLE_EXIT_MS: 'soon' }, 'HOLDFAST_IDLE_EXIT_MS is not a number of milliseconds: `soon`.'],
    [{ HOLDFAST_HEARTBEAT_MS: '-1' }, 'HOLDFAST_HEARTBEAT_MS is not a number of milliseconds: `-1`.'],
    [{ HOLDFAST_GPU: 'yes' }, 'HOLDFAST_GPU is either `required` or not set, but it is `yes`.'],
  ])('refuse what makes no sense: %o', (wrong, message) => {
    expect(() => instanceSettings({ ...needed, ...wrong })).toThrow(message);
  });

  it('know no metadata service for a store in a folder, unless one is named', () => {
    const local = { ...needed, HOLDFAST_STORE: 'file:///store' };
    expect(instanceSettings(local).imdsEndpoint).toBeUndefined();
    const endpoint = 'http://127.0.0.1:1338';
    expect(instanceSettings({ ...local, AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint }).imdsEndpoint).toBe(
      endpoint,
    );
  });
});
