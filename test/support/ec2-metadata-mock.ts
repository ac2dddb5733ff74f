import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { systemClock } from '../../lib/base/clock.ts';
import { laterMs, type Scenario, type ServiceUnderTest } from '../lib/interruption/imds-conformance.ts';

const never = '3600';
const later = String(laterMs / 1_000);
const alone = ['--rebalance-delay-sec', never];

/**
 * Arguments of amazon-ec2-metadata-mock 1.13; older ones know no `asglifecycle`. Without `-t` its times of notices always move.
 * These passed against a build that was pieced together from its sources about 1.13, in which the delay of recommendations
 * had to be filled in: `rebalance-later` and the `alone` of others are not shown against a release.
 */
const argumentsFor: Record<Scenario, readonly string[]> = {
  nothing: ['spot', '-d', never, ...alone],
  terminate: ['spot', '-a', 'terminate', ...alone],
  stop: ['spot', '-a', 'stop', ...alone],
  hibernate: ['spot', '-a', 'hibernate', ...alone],
  'terminate-later': ['spot', '-a', 'terminate', '-d', later, ...alone],
  'rebalance-later': ['spot', '-d', never, '--rebalance-delay-sec', later],
  'lifecycle-terminated-later': ['asglifecycle', '--asg-termination-delay-sec', later],
  'maintenance-later': ['events', '--code', 'instance-stop', '-d', later],
  'moving-times': ['spot', '--rebalance-delay-sec', '0'],
  overdue: ['spot', '-t', '2020-01-07T01:03:47Z', ...alone],
  rebalance: ['spot', '-d', never, '--rebalance-delay-sec', '0'],
  'rebalance-and-terminate': ['spot', '--rebalance-delay-sec', '0'],
  'lifecycle-terminated': ['asglifecycle', '--asg-termination-delay-sec', '0'],
  'maintenance-now': ['events', '--code', 'instance-stop', '--state', 'active'],
  'maintenance-completed': ['events', '--code', 'instance-stop', '--state', 'completed'],
  everything: [],
};

/** Starts the mock, version 2 only, on a free port; it runs on the real clock. */
export async function launchMetadataMock(binary: string, scenario: Scenario): Promise<ServiceUnderTest> {
  const port = await freePort();
  const start = async (): Promise<ChildProcess> => launch({ binary, port, scenario });
  let child = await start();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    clock: systemClock,
    pass: (ms) => systemClock.sleep(ms),
    async restart() {
      await kill(child);
      child = await start();
    },
    [Symbol.asyncDispose]: () => kill(child),
  };
}

async function launch(options: {
  readonly binary: string;
  readonly port: number;
  readonly scenario: Scenario;
}): Promise<ChildProcess> {
  const { binary, port, scenario } = options;
  const child = spawn(
    binary,
    [...argumentsFor[scenario], '-I', '-n', '127.0.0.1', '-p', String(port), '-x', '-1'],
    {
      stdio: 'ignore',
      // It takes settings from the environment and the home directory, and calls the local time of maintenance GMT.
      env: { TZ: 'UTC', HOME: '/nonexistent' },
    },
  );
  await once(child, 'spawn');
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (tries > 100 || child.exitCode !== null)
      throw new Error(`${binary} does not start: ${child.exitCode}`);
    await systemClock.sleep(50);
  }
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
