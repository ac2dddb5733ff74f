import { accessSync, constants } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { systemClock } from '../../lib/base/clock.ts';
import { Machine } from '../../local/machine.ts';
import { scratchFolder } from './scratch-folder.ts';

export interface MotoServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** It imports a large library first; on a busy machine with a cold disk that has taken 15 s. */
const startsWithinMs = 60_000;

/** Whether moto, an independent implementation of AWS, can be started here. */
export function motoIsInstalled(): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'moto_server'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Starts a moto on a port of its own. It ends with this process, however that ends. */
export async function startMoto(): Promise<MotoServer> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const { dir, remove } = await scratchFolder();
  const machine = await Machine.start({
    instanceId: `moto-${port}`,
    command: ['moto_server', '-H', '127.0.0.1', '-p', String(port)],
    env: process.env,
    cwd: dir,
    // It writes a line for every request.
    logFile: '/dev/null',
    clock: systemClock,
  });
  const stop = async (): Promise<void> => {
    await machine.kill();
    await remove();
  };
  const until = systemClock.monotonicMs() + startsWithinMs;
  const ended = machine.exited.then(() => 'ended' as const);
  while (systemClock.monotonicMs() < until) {
    if (await answers(endpoint)) return { endpoint, stop };
    if ((await Promise.race([ended, systemClock.sleep(100)])) === 'ended') break;
  }
  await stop();
  throw new Error(`moto_server ended, or did not answer within ${startsWithinMs} ms`);
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    return (await fetch(`${endpoint}/moto-api/`)).ok;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
