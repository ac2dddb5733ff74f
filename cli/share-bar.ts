/** Shares of a whole as one line of characters, each share at least one where it is not nothing. Pure. */
export interface BarPart {
  readonly share: number;
  /** One character, so that the bar is read without colours too. */
  readonly mark: string;
  readonly paint?: (text: string) => string;
}

export function shareBar(parts: readonly BarPart[], width: number): string {
  const shown = parts.filter(({ share }) => share > 0);
  const lengths = shown.map(({ share }) => Math.max(1, Math.round(share * width)));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const longest = lengths.indexOf(Math.max(...lengths));
  return shown
    .map(({ mark, paint = (text: string) => text }, index) => {
      const length = (lengths[index] ?? 0) + (index === longest ? width - total : 0);
      return paint(mark.repeat(Math.max(1, length)));
    })
    .join('');
}
