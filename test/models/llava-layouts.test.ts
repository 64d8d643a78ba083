import { describe, expect, it } from 'vitest'
import { LLM } from '../../src/index.ts'
import { readGolden, runCase } from '../support/goldens.ts'
import { type Header, safetensors } from '../support/model-files.ts'

const MODEL = '/test/goldens/llava/checkpoint'
const golden = await readGolden('llava')
const fetchBytes = async (name: string) => new Uint8Array(await (await fetch(`${MODEL}/${name}`)).arrayBuffer())
const weights = await fetchBytes('model.safetensors')
const begin = 8 + Number(new DataView(weights.buffer).getBigUint64(0, true))
const header: Header = JSON.parse(new TextDecoder().decode(weights.subarray(8, begin)))

type Json = Record<string, unknown>

/** The golden checkpoint with other tensor names, as files. */
async function filesOf(rename: (name: string) => string, changeConfig: (config: Json) => Json): Promise<File[]> {
  const renamed = Object.entries(header).map(([name, entry]) => [name === '__metadata__' ? name : rename(name), entry] as const)
  const config = changeConfig(JSON.parse(new TextDecoder().decode(await fetchBytes('config.json'))))
  const others = ['generation_config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json']
  return [
    new File([safetensors(Object.fromEntries(renamed), weights.slice(begin))], 'model.safetensors'),
    new File([JSON.stringify(config)], 'config.json'),
    ...(await Promise.all(others.map(async (name) => new File([await fetchBytes(name)], name)))),
  ]
}

const inMemory = (name: string): string =>
  name
    .replace(/^language_model\.model\./, 'model.language_model.')
    .replace(/^language_model\.lm_head/, 'lm_head')
    .replace(/^(vision_tower|multi_modal_projector)/, 'model.$1')
const withoutLevel = (name: string): string => inMemory(name).replace('vision_tower.vision_model.', 'vision_tower.')

function newConfig({ image_token_index, text_config, ...config }: Json): Json {
  const rope_parameters = { rope_type: 'default', rope_theta: 10000 }
  return { ...config, image_token_id: image_token_index, text_config: { ...(text_config as Json), rope_parameters } }
}

const LAYOUTS: [what: string, rename: (name: string) => string, config: (config: Json) => Json][] = [
  ['names as newer transformers versions have them', inMemory, newConfig],
  ['names without the tower’s inner level', withoutLevel, newConfig],
]

describe('a llava checkpoint', () => {
  for (const [what, rename, config] of LAYOUTS) {
    it(`loads with ${what}`, async () => {
      const llm = await LLM.create({ model: await filesOf(rename, config), dtype: 'float32', max_model_len: 128 })
      try {
        const expected = golden.cases.find((entry) => entry.name === 'image')
        if (!expected) throw new Error('no golden case image')
        const output = await runCase(llm, 'llava', expected, golden.sampling_params)
        expect(output.outputs[0]?.token_ids).toEqual(expected.generated.token_ids)
      } finally {
        await llm.dispose()
      }
    })
  }
})
