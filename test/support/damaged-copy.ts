import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CopiedCheckpoint } from './trainer-driver.ts';

/** A copy in a folder of its own under `dir`, for a test to damage. */
export function damagedCopy(from: CopiedCheckpoint, dir: string): CopiedCheckpoint {
  const copy = mkdtempSync(join(dir, 'damaged-'));
  for (const path of Object.keys(from.digests))
    writeFileSync(join(copy, path), readFileSync(join(from.dir, path)));
  return { ...from, dir: copy };
}

export function editDocument(
  from: CopiedCheckpoint,
  edit: (document: Record<string, unknown>) => void,
): void {
  const path = join(from.dir, 'trainer.json');
  const document: Record<string, unknown> = JSON.parse(readFileSync(path, 'utf8'));
  edit(document);
  writeFileSync(path, JSON.stringify(document));
}

export function at(value: object, ...path: readonly string[]): object {
  return path.reduce((inner, name) => {
    const next: unknown = Reflect.get(inner, name);
    if (typeof next !== 'object' || next === null) throw new Error(`the document has no ${path.join('.')}`);
    return next;
  }, value);
}

/** What a restore that forgets the first tensor whose name holds `name` would leave. */
export function zeroTensor(from: CopiedCheckpoint, file: string, name: string): void {
  const path = join(from.dir, file);
  const bytes = readFileSync(path);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(
    bytes.toString('utf8', 8, 8 + headerBytes),
  );
  const entry = Object.entries(header).find(([tensor]) => tensor.includes(name));
  if (entry === undefined) throw new Error(`${file} has no ${name}, only ${Object.keys(header).join(', ')}`);
  const [start, end] = entry[1].data_offsets;
  bytes.fill(0, 8 + headerBytes + start, 8 + headerBytes + end);
  writeFileSync(path, bytes);
}
