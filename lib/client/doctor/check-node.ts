import { type Check, fail, pass, warn } from './check.ts';

/** The oldest that the package runs on, and the oldest that the AWS SDK will go on with. */
const [majorMin, majorWanted] = [20, 22];

/** The version of Node.js that commands run on. Instances bring their own. */
export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const next = `install Node.js ${majorWanted}`;
  return {
    name: 'node',
    async run() {
      if (major < majorMin || (major === majorMin && minor < 19))
        return fail(`Node.js ${version} is too old; 20.19 is the oldest that works`, next);
      if (major < majorWanted)
        return warn(`Node.js ${version} is out of maintenance, and the AWS SDK drops it in 2027`, next);
      return pass(`Node.js ${version}`);
    },
  };
}
