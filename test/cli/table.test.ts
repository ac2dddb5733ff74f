import { expect, it } from 'vitest';
import { table } from '../../cli/table.ts';

const rows = [
  { name: 'one', step: 5 },
  { name: 'a longer name', step: 1200 },
];

it('makes columns as wide as their widest cell and leaves no blanks at the end', () => {
  const lines = table(rows, [
    { title: 'STEP', value: ({ step }) => String(step), align: 'right' },
    { title: 'NAME', value: ({ name }) => name },
  ]);
  expect(lines).toEqual(['STEP  NAME', '   5  one', '1200  a longer name']);
});

it('pads by the plain text, so that colours do not move columns', () => {
  const [, first] = table(rows, [
    { title: 'NAME', value: ({ name }) => name, paint: (cell) => `<${cell}>` },
    { title: 'STEP', value: ({ step }) => String(step), align: 'right', paint: (cell) => `<${cell}>` },
  ]);
  expect(first).toBe(`<one>${' '.repeat(10)}  ${' '.repeat(3)}<5>`);
});

it('keeps a cell on its line, whatever a job is called', () => {
  const lines = table(
    [{ name: 'evil\u001B[2J\nname', step: 0 }],
    [{ title: 'NAME', value: ({ name }) => name }],
  );
  expect(lines).toEqual(['NAME', 'evil [2J name']);
});
