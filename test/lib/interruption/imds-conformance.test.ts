import { describe, it } from 'vitest';
import type { ImdsFact } from '../../../local/imds-facts.ts';
import { launchMetadataMock } from '../../support/ec2-metadata-mock.ts';
import { imdsWorld } from '../../support/imds.ts';
import { describeImds, type Scenario, type ServiceUnderTest } from './imds-conformance.ts';

const interruption = (action: 'terminate' | 'stop' | 'hibernate'): ImdsFact => ({
  kind: 'spot-interruption',
  action,
  inMs: 120_000,
});

const maintenance = (state: 'active' | 'completed'): ImdsFact => ({
  kind: 'maintenance',
  events: [
    { code: 'instance-stop', state, eventId: 'instance-event-0d59937288b749b32', notBeforeInMs: 5_000 },
  ],
});

const announcedAtOnce: Record<Exclude<Scenario, 'terminate-after-2-s'>, readonly ImdsFact[]> = {
  nothing: [],
  terminate: [interruption('terminate')],
  stop: [interruption('stop')],
  hibernate: [interruption('hibernate')],
  'moving-time': [{ kind: 'spot-interruption', action: 'terminate', inMs: 120_000, moving: true }],
  rebalance: [{ kind: 'rebalance-recommendation' }],
  'rebalance-and-terminate': [{ kind: 'rebalance-recommendation' }, interruption('terminate')],
  'lifecycle-terminated': [{ kind: 'target-lifecycle-state', state: 'Terminated' }],
  'maintenance-now': [maintenance('active')],
  'maintenance-completed': [maintenance('completed')],
};

async function launchOurs(scenario: Scenario): Promise<ServiceUnderTest> {
  const { server, serverClock, clientClock } = await imdsWorld();
  if (scenario === 'terminate-after-2-s') {
    void serverClock.sleep(2_000).then(() => server.announce(interruption('terminate')));
  } else {
    for (const fact of announcedAtOnce[scenario]) server.announce(fact);
  }
  return {
    endpoint: server.endpoint,
    clock: clientClock,
    async pass(ms) {
      await serverClock.advance(ms);
      await clientClock.advance(ms);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describeImds('local IMDS server', launchOurs);

const mock = process.env['EC2_METADATA_MOCK_BIN'];
if (mock === undefined) {
  describe('amazon-ec2-metadata-mock', () => {
    it.skip('is not installed here: set EC2_METADATA_MOCK_BIN to its path', () => undefined);
  });
} else {
  describeImds('amazon-ec2-metadata-mock', (scenario) => launchMetadataMock(mock, scenario));
}
