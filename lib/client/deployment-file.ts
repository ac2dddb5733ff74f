import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, syncFolder, writeNewFile } from '../base/durable-files.ts';
import { unlessMissing } from '../base/file-errors.ts';
import { type Deployment, deploymentSchema } from '../contract/deployment.ts';

const fileName = 'deployment.json';
const previousName = 'deployment.previous.json';

/**
 * Writes `<dir>/deployment.json`, whole or not at all: a reader never sees half of it, and a command that dies leaves the
 * one that was there.
 * @returns the path of the file
 */
export async function writeDeployment(dir: string, deployment: Deployment): Promise<string> {
  const file = join(dir, fileName);
  const draft = `${file}.${process.pid}.draft`;
  await makeFolder(dir);
  await rm(draft, { force: true });
  await writeNewFile(draft, `${JSON.stringify(deploymentSchema.parse(deployment), null, 2)}\n`);
  await rename(draft, file);
  await syncFolder(dir);
  return file;
}

/**
 * Sets the deployment aside as `<dir>/deployment.previous.json`: commands no longer find it, but the address of its store
 * is not lost. One that was set aside before is replaced.
 * @returns the path of the file; undefined where there was no deployment
 */
export async function setDeploymentAside(dir: string): Promise<string | undefined> {
  const previous = join(dir, previousName);
  const moved = await unlessMissing(rename(join(dir, fileName), previous).then(() => previous));
  await syncFolder(dir);
  return moved;
}

/** Forgets the deployment that was set aside: its data is gone. */
export async function forgetPreviousDeployment(dir: string): Promise<void> {
  await rm(join(dir, previousName), { force: true });
  await syncFolder(dir);
}
