import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { findChromium, launchOptions } from './cli/chromium.ts'
import { wgsl } from './scripts/wgsl-plugin.ts'

// Software rendering unless OCELLUS_GPU=1, so that a run means the same on every machine.
const software = process.env['OCELLUS_GPU'] !== '1'

const base = { plugins: [wgsl()], worker: { format: 'es' as const, plugins: () => [wgsl()] } }

// Each project has one processor to itself in turn: kernels on a software GPU already use them all.
const unit = {
  ...base,
  test: { name: 'unit', environment: 'node', include: ['test/unit/**/*.test.ts'], testTimeout: 30_000, sequence: { groupOrder: 0 } },
}

const gpu = {
  ...base,
  // Found while tests run, a dependency would make Vite reload the page under them.
  optimizeDeps: { include: ['comlink', '@huggingface/jinja', '@huggingface/tokenizers', 'mediabunny'] },
  test: {
    name: 'gpu',
    include: ['test/gpu/**/*.test.ts', 'test/kernels/**/*.test.ts', 'test/models/**/*.test.ts'],
    setupFiles: ['test/support/require-adapter.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    sequence: { groupOrder: 1 },
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      fileParallelism: false,
      // Without a Chromium the unit tests still run; these then fail at their start, as they should.
      provider: playwright({ launchOptions: findChromium() ? launchOptions({ software }) : {} }),
      instances: [{ browser: 'chromium' as const }],
    },
  },
}

const e2e = {
  ...base,
  test: {
    name: 'e2e',
    environment: 'node',
    include: ['test/e2e/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
    sequence: { groupOrder: 2 },
  },
}

export default defineConfig({
  // Serves /models/… from public/ and every other file, such as /test/goldens/…, from the repository.
  publicDir: 'public',
  test: {
    projects: [unit, gpu, e2e],
    reporters: ['default', './scripts/plain-reporter.ts'],
  },
})
