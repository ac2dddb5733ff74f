import { SourceMap } from 'node:module';
import { z } from 'zod';
import type { Place } from './trace/trace-record.ts';

const mapSchema = z.object({
  version: z.number(),
  file: z.string().default(''),
  sources: z.array(z.string()),
  sourcesContent: z.array(z.string().nullable()).default([]),
  names: z.array(z.string()),
  mappings: z.string(),
  sourceRoot: z.string().default(''),
});

/** The user's own files behind a bundled program. */
export interface ProgramSource {
  /** `train.ts:14` of the innermost place that is in a file of the user's own; undefined where none is. */
  placeOf(places: readonly Place[]): string | undefined;
  /** `train.ts:5`, where a variable or field of this name is first declared, as far as text can tell. */
  declarationOf(name: string): string | undefined;
}

/** @param code as `bundleProgram` gives it, with its source map inline */
export function programSource(code: string): ProgramSource {
  const encoded = /\/\/# sourceMappingURL=data:application\/json;base64,([\w+/=]+)\s*$/.exec(code)?.[1];
  if (encoded === undefined) return { placeOf: () => undefined, declarationOf: () => undefined };
  const payload = mapSchema.parse(JSON.parse(Buffer.from(encoded, 'base64').toString()));
  const map = new SourceMap({ ...payload, sourcesContent: payload.sourcesContent.map((text) => text ?? '') });
  const files = payload.sources.flatMap((path, at) =>
    isOwn(path) ? [{ path, lines: (payload.sourcesContent[at] ?? '').split('\n') }] : [],
  );
  return {
    placeOf(places) {
      for (const { line, column } of places) {
        const entry = map.findEntry(line - 1, column - 1);
        if ('originalSource' in entry && isOwn(entry.originalSource))
          return `${entry.originalSource}:${entry.originalLine + 1}`;
      }
      return undefined;
    },
    declarationOf(name) {
      for (const pattern of declarations(name)) {
        for (const { path, lines } of files) {
          const line = lines.findIndex((text) => pattern.test(text));
          if (line !== -1) return `${path}:${line + 1}`;
        }
      }
      return undefined;
    },
  };
}

/** A package's code is not the user's, and what a bundler adds is nobody's. */
function isOwn(path: string): boolean {
  return !/node_modules\/|^holdfast-host:|^<|^\0/.test(path);
}

/** The surest first: a declaration, a field, any mention. */
function declarations(name: string): readonly RegExp[] {
  // A bundler tells variables of one name apart by digits at the end.
  const plain = name.replace(/^#/, '');
  return [plain, plain.replace(/\d+$/, '')].flatMap((one) => {
    const word = one.replace(/\W/g, '\\$&');
    return [
      new RegExp(`\\b(?:let|const|var)\\s[^=;]*\\b${word}\\b`),
      new RegExp(`^\\s*(?:\\w+\\s+)*#?${word}\\s*[=:;]`),
    ];
  });
}
