import { expect, it } from 'vitest';
import { unprotectFleet } from '../../../lib/client/unprotect-fleet.ts';
import type { GroupMachine, WorkerGroup } from '../../../lib/fleet/worker-groups.ts';

const machine = (id: string, more: Partial<GroupMachine> = {}): GroupMachine => ({
  id,
  type: 'g5.xlarge',
  zone: 'eu-west-1a',
  lifecycle: 'InService',
  isHealthy: true,
  isProtected: true,
  templateVersion: '1',
  ...more,
});

const group = (name: string, ...machines: readonly GroupMachine[]): WorkerGroup => ({
  name,
  min: 0,
  max: 4,
  desired: machines.length,
  templateVersion: '1',
  machines,
});

it('takes the protection off machines in service that have it, and off no other', async () => {
  const standing = [
    group('spot', machine('i-1'), machine('i-2', { isProtected: false }), machine('i-3')),
    group('on-demand', machine('i-4', { lifecycle: 'Terminating:Wait' })),
  ];
  const asked: unknown[] = [];
  const count = await unprotectFleet(['spot', 'on-demand'], {
    read: (names) => Promise.resolve(standing.filter(({ name }) => names.includes(name))),
    unprotect: (name, ids) => Promise.resolve(void asked.push([name, ids])),
  });
  expect(count).toBe(2);
  expect(asked).toEqual([['spot', ['i-1', 'i-3']]]);
});
