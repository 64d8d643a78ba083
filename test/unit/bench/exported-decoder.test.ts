import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createTokenizer } from '../../../src/text/tokenizer.ts'
import { embeddedDecoder, embeddedPrompt, exportDecoder } from '../../bench/peers/embedded.ts'
import { chooseToken } from '../../bench/peers/page/choose-token.ts'
import type { OrtModule, OrtValues } from '../../bench/peers/page/ort-types.ts'

const model = resolve(import.meta.dirname, '../../../public/models/ocellus-tiny-vl')
const json = (file: string): unknown => JSON.parse(readFileSync(join(model, file), 'utf8'))
const tokenizer = createTokenizer(json('tokenizer.json'), json('tokenizer_config.json'))
// The peers' packages are installed by those who run the benchmark, and not for these tests.
const ort = resolve(import.meta.dirname, '../../bench/peers/node_modules/onnxruntime-web/dist/ort.node.min.mjs')

describe('prompts for the embedded model', () => {
  it.each([16, 17, 64, 100])('have the %d tokens that are asked for, and are a question', (length) => {
    const ids = embeddedPrompt(model, length)
    const text = tokenizer.decode(ids, { skipSpecialTokens: false })
    expect(ids).toHaveLength(length)
    expect(text).toMatch(/^<\|im_start\|>user\n/)
    expect(text).toMatch(/What can you do\?<\|im_end\|>\n<\|im_start\|>assistant\n$/)
  })

  it('cannot be shorter than the question', () => {
    expect(() => embeddedPrompt(model, 4)).toThrow(/at least \d+ tokens, not 4/)
  })
})

describe.skipIf(!existsSync(ort))('the exported decoder, in onnxruntime', () => {
  it.each(['float', 'q8', 'q4'] as const)('answers in %s as the model was trained to, token by token with its cache', async (kind) => {
    const { Tensor, InferenceSession } = (await import(/* @vite-ignore */ pathToFileURL(ort).href)) as OrtModule
    const session = await InferenceSession.create(await exportDecoder(model, kind, 64), { executionProviders: ['wasm'] })
    const { sizes } = embeddedDecoder(model)
    const integers = (values: number[]) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
    let cache: OrtValues = {}
    for (const name of session.inputNames) {
      if (name.startsWith('past')) cache[name] = new Tensor('float32', new Float32Array(0), [1, sizes.kvHeads, 0, sizes.headDim])
    }
    let next = embeddedPrompt(model, 20)
    const answer: number[] = []
    for (let length = next.length; answer.length < 24; length++) {
      const outputs = await session.run({ input_ids: integers(next), attention_mask: integers(Array(length).fill(1)), ...cache })
      const { logits, ...present } = outputs
      cache = Object.fromEntries(Object.entries(present).map(([name, tensor]) => [name.replace('present', 'past_key_values'), tensor]))
      next = [chooseToken(logits?.data as Float32Array, 'float32').id]
      answer.push(...next)
    }
    expect(tokenizer.decode(answer)).toMatch(/^I can name shapes/)
    await session.release()
  })
})
