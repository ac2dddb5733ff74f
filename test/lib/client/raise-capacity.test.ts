import { describe, expect, it } from 'vitest';
import { raiseCapacity, raiseGroup } from '../../../lib/client/raise-capacity.ts';
import type { WorkerGroup, WorkerGroups } from '../../../lib/fleet/worker-groups.ts';
import { cliWorld } from '../../support/cli-world.ts';

const group = (name: string, desired: number, max = 4): WorkerGroup => ({
  name,
  min: 0,
  max,
  desired,
  templateVersion: '1',
  machines: [],
});

async function raised(
  tickets: { readonly visible?: number; readonly inFlight?: number; readonly delayed?: number },
  standing: readonly WorkerGroup[],
): Promise<{ readonly result: unknown; readonly asked: readonly (readonly [string, number])[] }> {
  const asked: (readonly [string, number])[] = [];
  const groups: WorkerGroups = {
    read: (names) => Promise.resolve(standing.filter(({ name }) => names.includes(name))),
    recentActivities: () => Promise.resolve([]),
    setDesired: (name, capacity) => Promise.resolve(void asked.push([name, capacity])),
    unprotect: () => Promise.resolve(),
    close: () => {},
  };
  const depth = () => Promise.resolve({ visible: 0, inFlight: 0, delayed: 0, ...tickets });
  const result = await raiseGroup({ workers: 'spot', fallback: 'on-demand' }, { groups, depth });
  return { result, asked };
}

describe('a submit raises the capacity', () => {
  it('from zero, also where the queue does not count the new ticket yet', async () => {
    for (const tickets of [{ visible: 1 }, {}]) {
      expect(await raised(tickets, [group('spot', 0)])).toEqual({
        result: { outcome: 'raised', group: 'spot', desired: 1, max: 4 },
        asked: [['spot', 1]],
      });
    }
  });

  it('by one only, however many jobs wait: the scaling policy adds the others', async () => {
    expect(await raised({ visible: 9 }, [group('spot', 1)])).toMatchObject({ asked: [['spot', 2]] });
  });

  it('not while every job has a machine, or one on its way', async () => {
    for (const tickets of [{ inFlight: 2 }, { visible: 1, inFlight: 1 }, { visible: 1 }]) {
      expect(await raised(tickets, [group('spot', 2)])).toEqual({
        result: { outcome: 'enough', group: 'spot', desired: 2 },
        asked: [],
      });
    }
  });

  it('not for jobs that machines of the fallback group take', async () => {
    expect(await raised({ visible: 2 }, [group('spot', 1), group('on-demand', 1)])).toMatchObject({
      result: { outcome: 'enough' },
      asked: [],
    });
    expect(await raised({ visible: 3 }, [group('spot', 1), group('on-demand', 1)])).toMatchObject({
      asked: [['spot', 2]],
    });
  });

  it('never beyond the maximum, and never downwards', async () => {
    expect(await raised({ visible: 9 }, [group('spot', 4)])).toEqual({
      result: { outcome: 'at-maximum', group: 'spot', desired: 4 },
      asked: [],
    });
    expect(await raised({}, [group('spot', 3)])).toMatchObject({ asked: [] });
  });

  it('of no group that is gone, and of nothing in a local region', async () => {
    expect(await raised({ visible: 1 }, [])).toEqual({ result: { outcome: 'not-elastic' }, asked: [] });
    const region = await cliWorld().region();
    expect(await raiseCapacity(region)).toEqual({ outcome: 'not-elastic' });
    await region.close();
  });
});
