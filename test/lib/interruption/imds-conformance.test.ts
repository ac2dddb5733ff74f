import { describe, it } from 'vitest';
import type { ImdsFact } from '../../../local/imds-facts.ts';
import { launchMetadataMock } from '../../support/ec2-metadata-mock.ts';
import { imdsWorld } from '../../support/imds.ts';
import { describeImds, laterMs, type Scenario, type ServiceUnderTest } from './imds-conformance.ts';

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

const terminated: ImdsFact = { kind: 'target-lifecycle-state', state: 'Terminated' };
const recommendation: ImdsFact = { kind: 'rebalance-recommendation' };

const announced: Record<Scenario, readonly ImdsFact[]> = {
  nothing: [],
  terminate: [interruption('terminate')],
  stop: [interruption('stop')],
  hibernate: [interruption('hibernate')],
  'terminate-later': [interruption('terminate')],
  'rebalance-later': [recommendation],
  'lifecycle-terminated-later': [terminated],
  'maintenance-later': [maintenance('active')],
  'moving-times': [
    { kind: 'spot-interruption', action: 'terminate', inMs: 120_000, moving: true },
    { kind: 'rebalance-recommendation', moving: true },
  ],
  overdue: [{ kind: 'spot-interruption', action: 'terminate', inMs: -3_600_000 }],
  rebalance: [recommendation],
  'rebalance-and-terminate': [recommendation, interruption('terminate')],
  'lifecycle-terminated': [terminated],
  'maintenance-now': [maintenance('active')],
  'maintenance-completed': [maintenance('completed')],
  everything: [recommendation, interruption('terminate'), terminated, maintenance('active')],
};

async function launchOurs(scenario: Scenario): Promise<ServiceUnderTest> {
  const { server, serverClock, clientClock } = await imdsWorld();
  const announce = (): void => {
    for (const fact of announced[scenario]) server.announce(fact);
  };
  if (scenario.endsWith('-later')) void serverClock.sleep(laterMs).then(announce);
  else announce();
  return {
    endpoint: server.endpoint,
    clock: clientClock,
    async pass(ms) {
      await serverClock.advance(ms);
      await clientClock.advance(ms);
    },
    restart: async () => server.endTokens(),
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
