import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { aFleetStack } from '../support/fleet-stack.ts';

/**
 * The whole template as people reviewed it: `test/golden/infra/fleet.template.json`. A change of it is a change of what
 * stands in AWS, and is read line by line. After such a change: `npm test -- test/infra/snapshot.test.ts --update`.
 */
it('is the template that was reviewed', async () => {
  const { template } = aFleetStack({ imageId: 'ami-12c6146b' }, ({ training }) =>
    training.exportDeployment(),
  );
  const text = JSON.stringify(template.toJSON(), undefined, 2);
  await expect(withoutDigests(text)).toMatchFileSnapshot('../golden/infra/fleet.template.json');
});

it('holds no digest that changes with every change of the code', () => {
  const golden = readFileSync(new URL('../golden/infra/fleet.template.json', import.meta.url), 'utf8');
  expect(golden.match(/[0-9a-f]{64}/g)).toBeNull();
  expect(golden).toContain("bundle_sha256='<digest>'");
});

/** Digests of assets and of the runtime's recipe, and the boot script after its settings, which has tests of its own. */
function withoutDigests(text: string): string {
  return `${text.replace(/\b[0-9a-f]{64}\b/g, '<digest>').replace(/(HOLDFAST_IDLE_EXIT_MS='\d+'\\n)(?:[^"\\]|\\.)*"/g, '$1<script>"')}\n`;
}
