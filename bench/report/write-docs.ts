import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchDocument } from './document.ts';
import { explanations } from './explanations.ts';
import { performancePage } from './markdown.ts';
import { pictures } from './pictures.ts';

/** Writes `performance.json`, `performance.md` and the pictures into a folder. */
export function writeDocs(document: BenchDocument, folder: string): void {
  const drawn = pictures(document.results);
  for (const { file, svg } of drawn) writeFileSync(join(folder, file), svg);
  writeFileSync(join(folder, 'performance.md'), performancePage(document, { explanations, pictures: drawn }));
  writeFileSync(join(folder, 'performance.json'), `${JSON.stringify(document, null, 2)}\n`);
}
