import { describe, expect, it } from 'vitest'
import { LLM, type LLMOptions } from '../../src/index.ts'
import { hostedEngine } from '../support/engine-host.ts'
import { answer, expectHealthy, goldenCase, rejection, unhandledRejections } from '../support/golden-model.ts'
import { runCase } from '../support/goldens.ts'
import { type HeaderEntry, ModelFiles, safetensors } from '../support/model-files.ts'

const unhandled = unhandledRejections()
const [FIRST, SECOND] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const
const NAN = 0x7fc0

const open = (model: ModelFiles, options: Partial<LLMOptions> = {}): Promise<LLM> =>
  LLM.create({ model: model.files, dtype: 'float32', max_model_len: 128, worker: hostedEngine(), ...options })

const u8 = (shape: number[], begin: number, end: number): HeaderEntry => ({ dtype: 'U8', shape, data_offsets: [begin, end] })

// The rules of the format in the order in which the Rust crate checks them, each broken once.
const headers: [what: string, file: BlobPart, error: RegExp][] = [
  ['fewer than 8 bytes', 'short', /has 5 bytes, and the header's length alone takes 8/],
  ['a header over 100 MB', safetensors('{}', '', 100_000_001n), /header claims 100000001 bytes; at most 100000000/],
  [
    'a header that ends behind the file',
    safetensors('{}', '', 500n),
    /should end at byte 508, but the file has 10 bytes; download it again/,
  ],
  ['an HTML page', '<!doctype html><title>Sign in</title>', /it is an HTML page/],
  ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', /Git LFS pointer.*git lfs pull/],
  ['a header that is not UTF-8', safetensors(new Uint8Array([0x7b, 0xff, 0x7d])), /header is not UTF-8/],
  ['a header that is not JSON', safetensors('{"a": '), /header is not JSON/],
  ['a header that is no object', safetensors('[]'), /header is not a JSON object/],
  ['a key that stands twice', safetensors('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}'), /.*/],
  ['metadata that are not strings', safetensors({ __metadata__: { format: 1 } }), /__metadata__ 'format' is not a string/],
  ['an unknown element type', safetensors({ a: { ...u8([1], 0, 1), dtype: 'F7' } }, 'x'), /'a' has dtype "F7"; allowed are BOOL/],
  ['a negative size', safetensors({ a: u8([-1], 0, 1) }, 'x'), /number -1; only integers from 0/],
  ['a first tensor that does not start at 0', safetensors({ a: u8([1], 1, 2) }, 'xx'), /'a' lies at \[1, 2\), but must start at 0/],
  ['a gap between tensors', safetensors({ a: u8([1], 0, 1), b: u8([1], 2, 3) }, 'xxx'), /'b' lies at \[2, 3\), but must start at 1/],
  ['tensors that overlap', safetensors({ a: u8([2], 0, 2), b: u8([2], 1, 3) }, 'xxx'), /'b' lies at \[1, 3\), but must start at 2/],
  ['a tensor that ends before it begins', safetensors({ a: u8([1], 0, 1), b: u8([1], 1, 0) }, 'x'), /'b' lies at \[1, 0\)/],
  ['a size that overflows', safetensors({ a: u8([2 ** 40, 2 ** 40], 0, 1) }, 'x'), /'a' .* is too large to address/],
  ['a size that is no whole byte', safetensors({ a: { ...u8([1], 0, 1), dtype: 'F4' } }, 'x'), /no whole number of bytes \(4 bits\)/],
  ['a size that is not the shape’s', safetensors({ a: u8([3], 0, 2) }, 'xx'), /'a' of type U8 and shape \[3\] needs 3 bytes, but has 2/],
  [
    'a file cut short',
    safetensors({ a: u8([3], 0, 3) }, 'xx'),
    /describes \d+ bytes, but the file has \d+: the file was cut short; download it again/,
  ],
  ['bytes that no tensor owns', safetensors({ a: u8([3], 0, 3) }, 'xxxx'), /there are bytes that no tensor owns/],
]

describe('a safetensors file that breaks a rule is refused with the file, the rule and the numbers', () => {
  for (const [what, file, error] of headers) {
    it(what, async () => {
      const said = await rejection(open(new ModelFiles().put('model.safetensors', file)))
      expect(said).toMatch(/^ModelLoadError: model\.safetensors is not a valid safetensors file: /)
      expect(said).toMatch(error)
    })
  }
})

describe('tensors that do not fit the config', () => {
  it('are listed in one error: missing, misshapen and unused', async () => {
    const model = new ModelFiles().remove('model.safetensors.index.json')
    await model.header(SECOND, (header) => {
      header['model.extra.weight'] = header['model.norm.weight'] as HeaderEntry
      delete header['model.norm.weight']
      ;(header['model.layers.0.self_attn.q_proj.weight'] as HeaderEntry).shape = [32, 128]
      ;(header['model.layers.1.mlp.up_proj.weight'] as HeaderEntry).dtype = 'I16'
    })
    const said = await rejection(open(await merged(model)))
    expect(said).toMatch(/^ModelLoadError: The checkpoint does not fit model_type qwen2_vl: 1 tensor\(s\) missing: 'model\.norm\.weight'; /)
    expect(said).toMatch(
      /2 tensor\(s\) of another shape or type: .*'model\.layers\.0\.self_attn\.q_proj\.weight' is BF16 \[32,128\], expected \[64,64\]/,
    )
    expect(said).toMatch(/'model\.layers\.1\.mlp\.up_proj\.weight' is I16 \[128,64\], expected \[128,64\] of BF16, F16 or F32/)
    expect(said).toMatch(/1 tensor\(s\) not used by this model: '?model\.extra\.weight/)
  })

  it('are counted where there are many', async () => {
    const said = await rejection(
      open(
        await new ModelFiles().json('config.json', (config: { num_hidden_layers: number }) => {
          config.num_hidden_layers = 4
        }),
      ),
    )
    expect(said).toMatch(/24 tensor\(s\) missing: 'model\.layers\.2\.[^;]* and 16 more/)
  })

  it('a checkpoint whose shard index leaves a tensor out is refused as well', async () => {
    const model = await new ModelFiles().json(
      'model.safetensors.index.json',
      ({ weight_map }: { weight_map: Record<string, string> }) => delete weight_map['model.norm.weight'],
    )
    expect(await rejection(open(model))).toMatch(
      /^ModelLoadError: .*'model\.norm\.weight' is in model-00002-of-00002\.safetensors but not in the index/,
    )
  })
})

/** The two shards as one file, which needs no index. */
async function merged(model: ModelFiles): Promise<ModelFiles> {
  const header: Record<string, HeaderEntry> = {}
  const data: BlobPart[] = []
  let offset = 0
  for (const name of [FIRST, SECOND]) {
    const bytes = await model.bytes(name)
    const begin = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))
    const entries = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin))) as Record<string, HeaderEntry>
    for (const [tensor, entry] of Object.entries(entries)) {
      if (tensor === '__metadata__') continue
      const [from, to] = entry.data_offsets
      header[tensor] = { ...entry, data_offsets: [from + offset, to + offset] }
    }
    data.push(bytes.slice(begin))
    offset += bytes.length - begin
  }
  return model.put('model.safetensors', safetensors(header, new Blob(data)))
}

describe('weights that are not finite', () => {
  it('in the language model are found while loading', async () => {
    const model = await new ModelFiles().element(SECOND, 'model.layers.1.mlp.down_proj.weight', 7, NAN)
    expect(await rejection(open(model))).toMatch(/^ModelLoadError: .*was loaded but cannot run: .*not finite.*NaN/)
  })

  it('and cannot be held by the format asked for are found while loading', async () => {
    const model = await new ModelFiles().element(SECOND, 'model.layers.1.mlp.down_proj.weight', 7, 0x7f00)
    const said = await rejection(open(model, { quantization: 'q8' }))
    expect(said).toMatch(
      /^ModelLoadError: Tensor 'model\.layers\.1\.mlp\.down_proj\.weight' has \d+ values that q8 cannot hold; load with dtype: 'float32' and no quantization/,
    )
  })

  it('in the vision tower fail the requests with pictures, and leave the others and the memory they use next unharmed', async () => {
    const model = await new ModelFiles().element(FIRST, 'visual.merger.mlp.2.bias', 3, NAN)
    // Sixteen blocks: what failed has written NaN to six of them, and the two sequences at the end take thirteen.
    const llm = await open(model, { kv_cache_memory_bytes: 16 * 8192, max_num_seqs: 2, enable_prefix_caching: false })
    const sampling = { temperature: 0, max_tokens: 24, ignore_eos: true, repetition_penalty: 1 }
    const [text, picture] = [goldenCase('batch_1'), goldenCase('image')]
    for (let round = 0; round < 2; round++) {
      const [failed, good] = await Promise.all([
        rejection(runCase(llm, 'qwen2_vl', picture, sampling)),
        runCase(llm, 'qwen2_vl', text, sampling),
      ])
      expect(failed).toMatch(/^InvalidLogitsError: The model gave logits that are not finite after 87 tokens.*NaN/)
      expect(good.outputs[0]?.token_ids).toEqual(text.generated.token_ids)
    }
    const names = ['text_only', 'batch_1'] as const
    const outputs = await Promise.all(names.map((name) => answer(llm, name)))
    expect(outputs.map(({ outputs: [first] }) => first?.token_ids)).toEqual(names.map((name) => goldenCase(name).generated.token_ids))
    await expectHealthy(llm, 'text_only')
    await llm.dispose()
  })

  it('no rejection is left unhandled', () => expect(unhandled).toEqual([]))
})
