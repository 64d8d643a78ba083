import { beforeAll } from 'vitest'
import { describeAdapter, requireAdapter } from './adapter.ts'

// Runs before the tests of every file: a test on no GPU at all would prove nothing. The adapter is named once a page.
// The runner gives every file a frame of its own inside that page.
const said = (globalThis.top ?? globalThis) as { adapterSaid?: boolean }

beforeAll(async () => {
  const adapter = await requireAdapter()
  if (!said.adapterSaid) console.info(`adapter: ${describeAdapter(adapter)}`)
  said.adapterSaid = true
})
