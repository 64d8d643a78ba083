import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { convertHere } from '../../src/engine/row-converter.ts'
import { CONVERT_WORKER } from '../../src/worker/convert-worker.ts'
import { randomFloats } from '../support/random.ts'
import { type LibraryPage, openLibraryPage } from './page.ts'

let site: LibraryPage

beforeAll(async () => {
  site = await openLibraryPage()
})
afterAll(() => site.close())

describe('the built worker by the name of one that converts', () => {
  for (const format of ['q4', 'q8', 'f16'] as const) {
    it(`converts rows to ${format}, to the bytes that Node gets`, async () => {
      const values = [...randomFloats(7, 64 * 96)]
      const converted = await site.page.evaluate(
        async ({ script, name, values, format }) => {
          const worker = new Worker(script, { type: 'module', name })
          const next = () => new Promise<MessageEvent>((resolve) => worker.addEventListener('message', resolve, { once: true }))
          const begun = (await next()).data
          const bytes = new Uint8Array(Float32Array.from(values).buffer)
          worker.postMessage({ id: 5, job: { bytes, dtype: 'F32', cols: 96, format, transposed: false } }, [bytes.buffer])
          const { id, rows } = (await next()).data
          worker.terminate()
          return { begun, id, data: [...rows.data], scales: rows.scales ? [...rows.scales] : undefined, overflow: rows.overflow }
        },
        { script: `${site.library}worker.js`, name: CONVERT_WORKER, values, format },
      )
      const bytes = new Uint8Array(Float32Array.from(values).buffer)
      const expected = convertHere({ bytes, dtype: 'F32', cols: 96, format, transposed: false })
      expect(converted).toEqual({
        ...{ begun: {}, id: 5, overflow: 0 },
        data: [...expected.data],
        scales: expected.scales && [...expected.scales],
      })
    })
  }
})
