// Makes tables in Markdown of what benchmarks have written:
//   node scripts/bench-table.mjs FILE… [--into BENCHMARKS.md]
// FILE: lines of JSON of `ocellus bench --json FILE` (shapes, or a model), or of test/bench/peers. Prints the tables; with --into they
// take the place of what stands between the marks <!-- figures --> and <!-- /figures --> of that file.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { figures, intoMarks } from './bench-table/figures.mjs'

const { values, positionals } = readFlags()
const lines = positionals.flatMap((file) => readFileSync(file, 'utf8').split('\n'))
const text = figures(lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line)))
if (values.into === undefined) console.log(text)
else writeFileSync(values.into, intoMarks(readFileSync(values.into, 'utf8'), text))

function readFlags() {
  try {
    const flags = parseArgs({ allowPositionals: true, options: { into: { type: 'string' } } })
    if (flags.positionals.length > 0) return flags
  } catch {}
  console.error('usage: node scripts/bench-table.mjs FILE… [--into BENCHMARKS.md]')
  process.exit(2)
}
