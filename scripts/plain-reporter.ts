import { writeSync } from 'node:fs'
import type { Reporter, SerializedError, TestModule, Vitest } from 'vitest/node'

/**
 * Ends a run with the plain line `N passed, N failed` (and `, N skipped` where some were), for readers that are programs.
 * A file that does not load, a hook that throws, an error outside of every test and a run that breaks off count as failures.
 */
export default class PlainReporter implements Reporter {
  #counts: Counts | undefined

  onInit(vitest: Vitest): void {
    // Printed on exit, because whatever prints its summary after us must not have the last word.
    if (!vitest.config.watch) process.once('exit', () => writeSync(1, `\n${line(this.#counts ?? { passed: 0, failed: 1, skipped: 0 })}\n`))
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    this.#counts = count(modules, errors.length)
  }
}

interface Counts {
  passed: number
  failed: number
  skipped: number
}

function count(modules: readonly TestModule[], errors: number): Counts {
  const counts = { passed: 0, failed: errors, skipped: 0 }
  for (const module of modules) {
    let failed = 0
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'failed') failed++
      else if (state === 'passed') counts.passed++
      else if (state === 'skipped') counts.skipped++
      else failed++ // pending: the run broke off before its end
    }
    const broken = !module.ok() && failed === 0
    counts.failed += failed + (broken ? 1 : 0)
  }
  if (modules.length === 0) counts.failed++
  return counts
}

const line = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
