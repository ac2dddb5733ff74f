import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { systemClock } from '../../lib/base/clock.ts';
import type { Scenario, ServiceUnderTest } from '../lib/interruption/imds-conformance.ts';

const never = '3600';
const alone = ['--rebalance-delay-sec', never];

/** Arguments of amazon-ec2-metadata-mock 1.13. Its times of notices always move. */
const argumentsFor: Record<Scenario, readonly string[]> = {
  nothing: ['spot', '-d', never, ...alone],
  terminate: ['spot', '-a', 'terminate', ...alone],
  stop: ['spot', '-a', 'stop', ...alone],
  hibernate: ['spot', '-a', 'hibernate', ...alone],
  'terminate-after-2-s': ['spot', '-a', 'terminate', '-d', '2', ...alone],
  'moving-time': ['spot', ...alone],
  rebalance: ['spot', '-d', never, '--rebalance-delay-sec', '0'],
  'rebalance-and-terminate': ['spot', '--rebalance-delay-sec', '0'],
  'lifecycle-terminated': ['asglifecycle', '--asg-termination-delay-sec', '0'],
  'maintenance-now': ['events', '--code', 'instance-stop', '--state', 'active'],
  'maintenance-completed': ['events', '--code', 'instance-stop', '--state', 'completed'],
};

/** Starts the mock, version 2 only, on a free port; it runs on the real clock. */
export async function launchMetadataMock(binary: string, scenario: Scenario): Promise<ServiceUnderTest> {
  const port = await freePort();
  const child = spawn(
    binary,
    [...argumentsFor[scenario], '-I', '-n', '127.0.0.1', '-p', String(port), '-x', '-1'],
    {
      stdio: 'ignore',
    },
  );
  const exited = once(child, 'exit');
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (tries > 100 || child.exitCode !== null)
      throw new Error(`${binary} does not start: ${child.exitCode}`);
    await systemClock.sleep(50);
  }
  return {
    endpoint: `http://127.0.0.1:${port}`,
    clock: systemClock,
    pass: (ms) => systemClock.sleep(ms),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
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
