import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ImportKind, importsOf, root } from '../support/house/source-tree.ts';

interface Reached {
  /** Files of this repository. */
  readonly files: ReadonlySet<string>;
  /** Packages of the AWS SDK, by who imports them. */
  readonly clients: ReadonlyMap<string, readonly string[]>;
}

/** What is loaded with `entries`, by imports of these kinds. */
function reachedFrom(entries: readonly string[], kinds: readonly ImportKind[]): Reached {
  const files = new Set<string>();
  const clients = new Map<string, string[]>();
  const open = [...entries];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (files.has(path)) continue;
    files.add(path);
    for (const { specifier, kind } of importsOf(readFileSync(join(root, path), 'utf8'))) {
      if (!kinds.includes(kind)) continue;
      if (specifier.startsWith('@aws-sdk/')) {
        clients.set(specifier, [...(clients.get(specifier) ?? []), path]);
      }
      const file = posix.join(posix.dirname(path), specifier);
      if (specifier.startsWith('.') && file.endsWith('.ts') && existsSync(join(root, file))) open.push(file);
    }
  }
  return { files, clients };
}

const clientsOf = (reached: Reached): readonly string[] =>
  [...reached.clients.keys()].filter((name) => name.startsWith('@aws-sdk/client-')).toSorted();

describe('what a worker loads', () => {
  it.each(['job/main.ts', 'job/instance.ts', 'job/after-exit.ts'])(
    'with %s is none of the AWS SDK: a machine with folders for a region needs none',
    (entry) => {
      const reached = reachedFrom([entry], ['value']);
      expect(reached.files.size).toBeGreaterThan(10);
      expect([...reached.clients.keys()]).toEqual([]);
    },
  );

  it('at the start of an instance are the clients of S3, SQS and Auto Scaling', () => {
    const drivers = ['s3-object-store', 'sqs-job-queue', 'auto-scaling-membership'];
    const reached = reachedFrom(
      drivers.map((name) => `lib/aws/${name}.ts`),
      ['value'],
    );
    expect(clientsOf(reached)).toEqual([
      '@aws-sdk/client-auto-scaling',
      '@aws-sdk/client-s3',
      '@aws-sdk/client-sqs',
    ]);
  });

  it('ever, is the client of EC2 besides, for the labels of its instance alone', () => {
    const reached = reachedFrom(['job/instance.ts'], ['value', 'lazy']);
    expect(clientsOf(reached)).toEqual([
      '@aws-sdk/client-auto-scaling',
      '@aws-sdk/client-ec2',
      '@aws-sdk/client-s3',
      '@aws-sdk/client-sqs',
    ]);
    expect(reached.clients.get('@aws-sdk/client-ec2')).toEqual(['lib/aws/instance-tags.ts']);
  });

  it('is followed indeed: the labels themselves are found to load the client of EC2', () => {
    expect(clientsOf(reachedFrom(['lib/aws/instance-tags.ts'], ['value']))).toEqual(['@aws-sdk/client-ec2']);
  });
});
