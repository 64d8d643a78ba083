import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ChatMessage, LLM, type LLMOptions } from '../../src/index.ts'
import { hostedEngine } from '../support/engine-host.ts'
import { answer, expectHealthy, goldenCase, MODEL, rejection, unhandledRejections } from '../support/golden-model.ts'
import { ModelFiles } from '../support/model-files.ts'

const unhandled = unhandledRejections()

/** What loading a folder says. */
async function loading(files: File[], options: Partial<LLMOptions> = {}): Promise<string> {
  return rejection(LLM.create({ model: files, dtype: 'float32', max_model_len: 128, worker: hostedEngine(), ...options }))
}

const config = (change: (config: Record<string, unknown>) => void) => (model: ModelFiles) => model.json('config.json', change)
const put = (name: string, content: string) => (model: ModelFiles) => model.put(name, content)
const remove =
  (...names: string[]) =>
  (model: ModelFiles) =>
    model.remove(...names)

const folders: [what: string, change: (model: ModelFiles) => ModelFiles | Promise<ModelFiles>, error: RegExp][] = [
  [
    'an unknown model_type',
    config((c) => (c['model_type'] = 'abacus')),
    /^ModelLoadError: .*model_type "abacus"; supported are: .*qwen2_vl/,
  ],
  ['no model_type', config((c) => delete c['model_type']), /^ModelLoadError: .*model_type.*supported are: .*qwen2_vl/],
  ['a model_type of the wrong type', config((c) => (c['model_type'] = ['qwen2_vl', 1])), /^ModelLoadError: .*supported are: .*qwen2_vl/],
  ['no config.json', remove('config.json'), /^ModelLoadError: .*no file 'config\.json'.*Check/],
  ['an empty config.json', put('config.json', ''), /^ModelLoadError: config\.json is not valid JSON/],
  ['a config.json that is no object', put('config.json', '[1, 2]'), /^ModelLoadError: config\.json holds no JSON object/],
  [
    'a config.json over 10 MB',
    put('config.json', ' '.repeat(10_000_001)),
    /^ModelLoadError: config\.json has 10000001 bytes; at most 10000000/,
  ],
  [
    'a config.json that is not UTF-8',
    (m) => m.put('config.json', new Uint8Array([0x7b, 0xff, 0x7d])),
    /^ModelLoadError: config\.json is not UTF-8/,
  ],
  [
    'a negative size',
    config((c) => (c['hidden_size'] = -64)),
    /^ModelLoadError: config\.json: hidden_size is -64; .*whole number of at least 1/,
  ],
  ['a fractional size', config((c) => (c['vocab_size'] = 511.5)), /^ModelLoadError: config\.json: vocab_size is 511\.5; .*whole number/],
  ['a size of the wrong type', config((c) => (c['num_hidden_layers'] = '2')), /^ModelLoadError: config\.json: num_hidden_layers is "2"/],
  ['a missing size', config((c) => delete c['intermediate_size']), /^ModelLoadError: config\.json: intermediate_size is missing/],
  ['absurdly many layers', config((c) => (c['num_hidden_layers'] = 2e9)), /^ModelLoadError: config\.json: num_hidden_layers is 2000000000/],
  ['heads that do not share evenly', config((c) => (c['num_key_value_heads'] = 3)), /^ModelLoadError: .*4 attention heads.*3/],
  [
    'rotary sections that do not add up',
    config((c) => (c['rope_scaling'] = { mrope_section: [2, 3, 4] })),
    /^ModelLoadError: .*\[2, 3, 4\].*8/,
  ],
  ['no vision_config', config((c) => delete c['vision_config']), /^ModelLoadError: config\.json: vision_config\./],
  ['a size beyond every tensor', config((c) => (c['vocab_size'] = 2 ** 40)), /^ModelLoadError: /],
  [
    'a generation_config.json that is no object',
    put('generation_config.json', '7'),
    /^ModelLoadError: generation_config\.json holds no JSON object/,
  ],
  [
    'a broken preprocessor_config.json',
    put('preprocessor_config.json', '{"min_pixels": -1}'),
    /^ModelLoadError: preprocessor_config\.json: min_pixels is -1/,
  ],
  ['no tokenizer.json', remove('tokenizer.json'), /^ModelLoadError: .*no file 'tokenizer\.json'/],
  ['a tokenizer.json without a model', put('tokenizer.json', '{}'), /^ModelLoadError: tokenizer\.json .*model/],
  [
    'a tokenizer.json of an unknown kind',
    put('tokenizer.json', '{"model": {"type": "Abacus"}}'),
    /^ModelLoadError: tokenizer\.json cannot be used/,
  ],
  [
    'no weights',
    remove('model.safetensors.index.json'),
    /^ModelLoadError: .*neither model\.safetensors nor model\.safetensors\.index\.json/,
  ],
  ['a missing shard', remove('model-00002-of-00002.safetensors'), /^ModelLoadError: .*no file 'model-00002-of-00002\.safetensors'/],
  [
    'an index without a weight_map',
    put('model.safetensors.index.json', '{}'),
    /^ModelLoadError: .*index\.json is not a valid shard index.*weight_map/,
  ],
  [
    'a shard outside of the folder',
    put('model.safetensors.index.json', '{"weight_map": {"a": "../secret.safetensors"}}'),
    /^ModelLoadError: .*"\.\.\/secret\.safetensors"; allowed are plain names/,
  ],
  [
    'a shard at an absolute place',
    put('model.safetensors.index.json', '{"weight_map": {"a": "/etc/passwd.safetensors"}}'),
    /^ModelLoadError: .*"\/etc\/passwd\.safetensors"; allowed are plain names/,
  ],
  [
    'too many shards',
    put(
      'model.safetensors.index.json',
      JSON.stringify({ weight_map: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`t${i}`, `${i}.safetensors`])) }),
    ),
    /^ModelLoadError: .*more than 1000 shards/,
  ],
  [
    'an index that contradicts the shards',
    (m) =>
      m.json('model.safetensors.index.json', ({ weight_map }: { weight_map: Record<string, string> }) => {
        weight_map['model.norm.weight'] = 'model-00001-of-00002.safetensors'
      }),
    /^ModelLoadError: .*disagree: 'model\.norm\.weight' is in model-00002.*the index says model-00001/,
  ],
]

const options: [what: string, options: unknown, error: RegExp][] = [
  ['no options', undefined, /^InvalidRequestError: model must be a Hub id, the URL of a folder/],
  ['no model', {}, /^InvalidRequestError: model must be/],
  ['a model of the wrong type', { model: 42 }, /^InvalidRequestError: model must be .*got 42/],
  ['a model that is an empty object', { model: {} }, /^InvalidRequestError: model must be/],
  ['a list of something else than files', { model: ['config.json'] }, /^InvalidRequestError: model must be/],
  ['no files', { model: [] }, /^(InvalidRequest|ModelLoad)Error: .*files/],
  ['neither id nor address', { model: 'no such place' }, /^ModelLoadError: 'no such place' names no model; give a Hub id/],
  ['a folder that is not there', { model: '/no/such/folder' }, /^ModelLoadError: .*\/no\/such\/folder.*config\.json/],
  ['max_model_len of 0', { max_model_len: 0 }, /^InvalidRequestError: max_model_len must be an integer from 1 .*got 0/],
  ['max_model_len of the wrong type', { max_model_len: '4096' }, /^InvalidRequestError: max_model_len must be an integer.*got "4096"/],
  [
    'max_model_len that is not a number',
    { max_model_len: Number.NaN },
    /^InvalidRequestError: max_model_len must be an integer.*got (NaN|null)/,
  ],
  ['max_model_len beyond the model', { max_model_len: 32769 }, /^ModelLoadError: max_model_len is 32769, .*32768; give at most that/],
  ['max_num_seqs of 0', { max_num_seqs: 0 }, /^InvalidRequestError: max_num_seqs must be an integer from 1 to 256, got 0/],
  ['max_num_seqs too large', { max_num_seqs: 10_000 }, /^InvalidRequestError: max_num_seqs .*256, got 10000/],
  ['max_num_batched_tokens too small', { max_num_batched_tokens: 8 }, /^InvalidRequestError: max_num_batched_tokens .*16.*got 8/],
  [
    'a KV cache that is too small',
    { kv_cache_memory_bytes: 1000 },
    /^ModelLoadError: .*max_model_len 128 needs \d+ bytes.*kv_cache_memory_bytes is 1000; raise it/,
  ],
  ['a seed that is no integer', { seed: 1.5 }, /^InvalidRequestError: seed must be an integer, got 1\.5/],
  ['a seed that is a bigint', { seed: 5n }, /^InvalidRequestError: seed must be an integer, got 5/],
  ['an unknown dtype', { dtype: 'bfloat16' }, /^InvalidRequestError: dtype must be one of auto, float16, float32, got "bfloat16"/],
  ['an unknown quantization', { quantization: 'awq' }, /^InvalidRequestError: quantization must be one of none, q8, q4, got "awq"/],
  [
    'a flag of the wrong type',
    { enable_prefix_caching: 'no' },
    /^InvalidRequestError: enable_prefix_caching must be true or false, got "no"/,
  ],
  ['a chat template of the wrong type', { chat_template: 5 }, /^InvalidRequestError: chat_template must be a string, got 5/],
  ['a revision of the wrong type', { revision: 5 }, /^InvalidRequestError: revision must be a string/],
  [
    'limits that are no object',
    { limit_mm_per_prompt: 2 },
    /^InvalidRequestError: limit_mm_per_prompt must be an object such as \{ image: 2 \}, got 2/,
  ],
  [
    'a limit of an unknown modality',
    { limit_mm_per_prompt: { smell: 1 } },
    /^InvalidRequestError: limit_mm_per_prompt .*image, video, audio, got "smell"/,
  ],
  ['a negative limit', { limit_mm_per_prompt: { image: -1 } }, /^InvalidRequestError: limit_mm_per_prompt\.image must be .*got -1/],
  ['processor options that are a list', { mm_processor_kwargs: [1] }, /^InvalidRequestError: mm_processor_kwargs must be an object/],
  ['features that are no list', { disable_features: 'subgroups' }, /^InvalidRequestError: disable_features must be a list/],
  ['something that cannot be sent to a worker', { mm_processor_kwargs: { f: () => 1 } }, /^InvalidRequestError: .*cannot be sent/],
]

describe('a model folder that is broken is refused with the file, what it holds and what to do', () => {
  for (const [what, change, error] of folders) {
    it(what, async () => {
      expect(await loading((await change(new ModelFiles())).files)).toMatch(error)
    })
  }

  it('two files of one name', async () => {
    const { files } = new ModelFiles()
    expect(await loading([...files, ...files.slice(0, 1)])).toMatch(
      /^ModelLoadError: Two of the files given are named '.*'; give the files of one model folder/,
    )
  })
})

describe('an option that makes no sense is refused with its name, its value and what is allowed', () => {
  for (const [what, changed, error] of options) {
    it(what, async () => {
      const rest = what === 'no model' ? {} : { model: MODEL, dtype: 'float32', max_model_len: 128 }
      const whole = changed && { ...rest, worker: hostedEngine(), ...(changed as object) }
      expect(await rejection(LLM.create(whole as LLMOptions))).toMatch(error)
    })
  }
})

describe('after all those refusals', () => {
  let llm: LLM
  beforeAll(async () => {
    const polluted = await new ModelFiles().text('config.json')
    const model = new ModelFiles().put(
      'config.json',
      polluted.replace('{', '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}},'),
    )
    llm = await LLM.create({ model: model.files, dtype: 'float32', max_model_len: 128, unknown_option: 1 } as LLMOptions)
  })
  afterAll(() => llm.dispose())

  it('the good model loads from files and answers, with options nobody knows and keys that mean harm ignored', async () => {
    expect(({} as { polluted?: number }).polluted).toBe(undefined)
    await expectHealthy(llm)
    expect((await answer(llm, 'image')).outputs[0]?.token_ids).toEqual(goldenCase('image').generated.token_ids)
  })

  it('a model without a chat template answers prompts, and conversations if a template is given', async () => {
    const model = await new ModelFiles()
      .remove('chat_template.json')
      .json('tokenizer_config.json', (config: { chat_template?: string }) => delete config.chat_template)
    const bare = await LLM.create({ model: model.files, dtype: 'float32', max_model_len: 128, worker: hostedEngine() })
    const messages: ChatMessage[] = [{ role: 'user', content: 'Hello' }]
    const sampling = { temperature: 0, max_tokens: 4, ignore_eos: true }
    expect(await rejection(bare.chat(messages))).toMatch(/^InvalidRequestError: The model has no chat template .*Pass chat_template/)
    expect((await bare.generate('Hello', sampling))[0]?.outputs[0]?.token_ids.length).toBe(4)
    const [output] = await bare.chat(messages, sampling, { chat_template: '{{ messages[0].content }}!' })
    expect(output?.prompt).toBe('Hello!')
    await bare.dispose()
  })

  it('a tokenizer with more tokens than the model has is told apart from a good prompt', async () => {
    const odd = { id: 600, content: '<|odd|>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }
    const model = await new ModelFiles().json('tokenizer.json', ({ added_tokens }: { added_tokens: object[] }) => added_tokens.push(odd))
    const bare = await LLM.create({ model: model.files, dtype: 'float32', max_model_len: 128, worker: hostedEngine() })
    expect(await rejection(bare.generate('one <|odd|> two'))).toMatch(/^InvalidRequestError: .*token 600.*0 to 511.*tokenizer/)
    await expectHealthy(bare)
    await bare.dispose()
  })

  it('no rejection is left unhandled', () => expect(unhandled).toEqual([]))
})
