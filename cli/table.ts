export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
  /** Colours a padded cell. Widths are those of the plain text. */
  readonly paint?: (cell: string, row: Row) => string;
}

/** Between two columns. */
const gap = '  ';

/** Columns as wide as their widest cell, titles first. No line ends in blanks. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  paintTitle: (title: string) => string = (title) => title,
): string[] {
  const cells = rows.map((row) => columns.map((column) => plain(column.value(row))));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => (line[index] ?? '').length)),
  );
  const padded = (texts: readonly string[], paint: (cell: string, index: number) => string): string =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0;
        const isRight = columns[index]?.align === 'right';
        const isLast = index === texts.length - 1;
        const fill = ' '.repeat(width - text.length);
        if (isRight) return fill + paint(text, index);
        return paint(text, index) + (isLast ? '' : fill);
      })
      .join(gap)
      .trimEnd();
  return [
    padded(
      columns.map((column) => column.title),
      paintTitle,
    ),
    ...cells.map((line, at) =>
      padded(line, (cell, index) => {
        const row = rows[at];
        const paint = columns[index]?.paint;
        return paint === undefined || row === undefined ? cell : paint(cell, row);
      }),
    ),
  ];
}

/** A cell is one line; control characters from a job's name must not move the cursor. */
function plain(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f]/g, ' ');
}
