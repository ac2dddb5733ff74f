import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { systemClock } from '../../lib/base/clock.ts';

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

/** Starts a moto on a port of its own. */
export async function startMoto(): Promise<MotoServer> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  // A group of its own, so that the launcher in between does not keep the server alive.
  const child = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], {
    detached: true,
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
  const until = systemClock.monotonicMs() + startsWithinMs;
  while (systemClock.monotonicMs() < until) {
    if (child.pid === undefined || child.exitCode !== null) throw new Error('moto_server does not start');
    if (await answers(endpoint)) return { endpoint, stop: () => stop(child, ended) };
    await Promise.race([ended, systemClock.sleep(100)]);
  }
  await stop(child, ended);
  throw new Error(`moto_server did not answer within ${startsWithinMs} ms`);
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  await ended;
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
