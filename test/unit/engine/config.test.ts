import { describe, expect, it } from 'vitest'
import { checkOptions, type GpuFacts, resolveConfig } from '../../../src/engine/config.ts'
import type { DecoderShape } from '../../../src/models/family.ts'
import type { EngineOptions } from '../../../src/protocol/engine-api.ts'

// Qwen2-VL-2B: a block of 16 tokens is 16 · 28 · 2 · 2 · 128 values.
const shape: DecoderShape = { layers: 28, kvHeads: 2, headDim: 128, hidden: 1536, vocabulary: 151936, maxPositions: 32768 }
const BLOCK_BYTES = 16 * 28 * 2 * 2 * 128 * 2
const gpu = (bytes = 2 ** 31): GpuFacts => ({
  software: false,
  abilities: { matrices: false },
  device: { limits: { maxBufferSize: bytes, maxStorageBufferBindingSize: bytes } },
})

const resolve = (options: Partial<EngineOptions> = {}, facts = gpu()) =>
  resolveConfig(checkOptions({ model: 'm', ...options }), { name: 'm', shape, parameters: 2.2e9 }, facts)

function errorOf(work: () => unknown): { name: string; message: string } {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  return { name: 'none', message: '' }
}

describe('checkOptions', () => {
  const refused: [options: object, message: RegExp][] = [
    [{ model: '' }, /^model must be a Hub id/],
    [{ max_model_len: 0 }, /^max_model_len must be an integer from 1 to \d+, got 0\.$/],
    [{ max_model_len: 1.5 }, /^max_model_len must be .* got 1\.5\.$/],
    [{ max_num_seqs: 1000 }, /^max_num_seqs must be an integer from 1 to 256, got 1000\.$/],
    [{ max_num_batched_tokens: 8 }, /^max_num_batched_tokens must be an integer from 16 to 8192, got 8\.$/],
    [{ dtype: 'bfloat16' }, /^dtype must be one of auto, float16, float32, got "bfloat16"\.$/],
    [{ quantization: 'awq' }, /^quantization must be one of none, q8, q4, got "awq"\.$/],
    [{ limit_mm_per_prompt: { image: -1 } }, /^limit_mm_per_prompt\.image must be an integer of at least 0, got -1\.$/],
    [{ limit_mm_per_prompt: { smell: 1 } }, /^limit_mm_per_prompt must be keyed by image, video, audio, got "smell"\.$/],
    [{ limit_mm_per_prompt: 3 }, /^limit_mm_per_prompt must be an object/],
    [{ max_waiting_requests: 0 }, /^max_waiting_requests must be an integer from 1 to \d+, got 0\.$/],
    [{ media_fetch_timeout: 5 }, /^media_fetch_timeout must be an object such as \{ image: 5 \}, got 5\.$/],
    [{ media_fetch_timeout: { image: 0 } }, /^media_fetch_timeout\.image must be a number of seconds above 0, got 0\.$/],
    [{ media_fetch_timeout: { image: Number.POSITIVE_INFINITY } }, /^media_fetch_timeout\.image must be a number of seconds/],
    [{ max_media_bytes: { video: 1.5 } }, /^max_media_bytes\.video must be a whole number of bytes above 0, got 1\.5\.$/],
    [{ max_media_bytes: { film: 1 } }, /^max_media_bytes must be keyed by image, video, audio, got "film"\.$/],
    [{ max_image_pixels: -1 }, /^max_image_pixels must be a whole number above 0, got -1\.$/],
    [{ allowed_media_domains: 'a.org' }, /^allowed_media_domains must be a list of host names/],
    [{ allowed_media_domains: ['a.org', 'https://b.org/'] }, /^allowed_media_domains\[1\] must be a host name alone/],
    [{ allowed_media_domains: ['a.org:80'] }, /^allowed_media_domains\[0\] must be a host name alone/],
    [{ chat_template: 5 }, /^chat_template must be a string, got 5\.$/],
    [{ cache: 'all' as never }, /^cache must be true, false or 'weights', got "all"\.$/],
    [{ max_cache_bytes: -1 }, /^max_cache_bytes must be an integer from 0 to \d+, got -1\.$/],
    [{ enable_prefix_caching: 1 }, /^enable_prefix_caching must be true or false, got 1\.$/],
    [{ mm_processor_kwargs: [] }, /^mm_processor_kwargs must be an object/],
    [{ media_io_kwargs: [] }, /^media_io_kwargs must be an object such as \{ video: \{\} \}/],
    [{ media_io_kwargs: { video: 8 } }, /^media_io_kwargs\.video must be an object, got 8\.$/],
    [{ media_io_kwargs: { video: { num_frames: 0 } } }, /^media_io_kwargs\.video\.num_frames must be .*, got 0\.$/],
    [{ media_io_kwargs: { video: { fps: 'slow' } } }, /^media_io_kwargs\.video\.fps must be .*, got "slow"\.$/],
    [{ disable_features: 'subgroups' }, /^disable_features must be a list/],
    [
      { disable_features: ['subgroup'] },
      /^disable_features must be a list of shader-f16, subgroups,.* subgroup-matrix,.*got \["subgroup"\]\.$/,
    ],
    [{ seed: 'x' }, /^seed must be an integer, got "x"\.$/],
  ]
  for (const [options, message] of refused) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      const error = errorOf(() => checkOptions({ model: 'm', ...options } as EngineOptions))
      expect(error.name).toBe('InvalidRequestError')
      expect(error.message).toMatch(message)
    })
  }
})

describe('resolveConfig', () => {
  it('has defaults that fit the model and the adapter', () => {
    expect(resolve()).toMatchObject({ maxModelLength: 4096, maxSequences: 16, maxBatchedTokens: 512, mediaRows: 8192, prefixCaching: true })
    expect(resolve({}, { ...gpu(), software: true }).maxBatchedTokens).toBe(128)
    const matrices = { ...gpu(), abilities: { matrices: true } }
    expect(resolve({}, matrices).maxBatchedTokens).toBe(2048)
    expect(resolve({ dtype: 'float32' }, matrices).maxBatchedTokens).toBe(512)
    expect(resolve({ max_num_batched_tokens: 64 }, matrices).maxBatchedTokens).toBe(64)
    expect(
      resolveConfig(checkOptions({ model: 'm' }), { name: 'm', shape: { ...shape, maxPositions: 2048 }, parameters: 0 }, gpu())
        .maxModelLength,
    ).toBe(2048)
  })

  it('stores small models on software adapters in float32, all others in float16, unless told', () => {
    const software = { ...gpu(), software: true }
    const typeOf = (parameters: number, facts: GpuFacts, dtype?: EngineOptions['dtype']) =>
      resolveConfig(checkOptions({ model: 'm', ...(dtype && { dtype }) }), { name: 'm', shape, parameters }, facts).dtype
    expect([typeOf(64e6, software), typeOf(64e6, software, 'auto')]).toEqual(['float32', 'float32'])
    expect([typeOf(65e6, software), typeOf(1e6, gpu()), typeOf(1e6, software, 'float16')]).toEqual(['float16', 'float16', 'float16'])
    expect(typeOf(2e9, gpu(), 'float32')).toBe('float32')
  })

  it('limits media as the options say, else as a page can bear', () => {
    expect(resolve().mediaLimits).toEqual({
      items: {},
      timeouts: { image: 5000, audio: 10_000, video: 30_000 },
      bytes: { image: 25e6, audio: 25e6, video: 200e6 },
      pixels: 40e6,
      hosts: undefined,
    })
    const changed = resolve({
      limit_mm_per_prompt: { image: 1 },
      media_fetch_timeout: { image: 0.5 },
      max_media_bytes: { video: 9 },
      max_image_pixels: 10,
      allowed_media_domains: ['A.org', 'münchen.de', '[::1]'],
    })
    expect(changed.mediaLimits).toEqual({
      items: { image: 1 },
      timeouts: { image: 500, audio: 10_000, video: 30_000 },
      bytes: { image: 25e6, audio: 25e6, video: 9 },
      pixels: 10,
      hosts: ['a.org', 'xn--mnchen-3ya.de', '[::1]'],
    })
  })

  it('gives the KV cache room for all sequences, but at most 1 GiB, beside the trash block', () => {
    expect(resolve({ max_model_len: 64 }).kvBlocks).toBe(16 * 4 + 1)
    expect(resolve().kvBlocks).toBe(Math.floor(2 ** 30 / BLOCK_BYTES) + 1)
    expect(resolve({ kv_cache_memory_bytes: 300 * BLOCK_BYTES + 5 }).kvBlocks).toBe(301)
  })

  it('leaves room in the block table for steps encoded ahead', () => {
    expect(resolve({ max_model_len: 100 }).tableColumns * 16).toBeGreaterThanOrEqual(164)
  })

  it('goes through the head with at least one prompt token at a time, and few of a large vocabulary', () => {
    expect(resolve().maxPromptRows).toBe(55)
    expect(
      resolveConfig(checkOptions({ model: 'm' }), { name: 'm', shape: { ...shape, vocabulary: 500 }, parameters: 0 }, gpu()).maxPromptRows,
    ).toBe(256)
  })

  it('refuses sizes that cannot work', () => {
    const cases: [Partial<EngineOptions>, GpuFacts, RegExp][] = [
      [{ max_model_len: 40000 }, gpu(), /^max_model_len is 40000, but the positions of m end at 32768/],
      [
        { kv_cache_memory_bytes: 1000 },
        gpu(),
        /needs \d+ bytes of KV cache, but kv_cache_memory_bytes is 1000; raise it or lower max_model_len/,
      ],
      [{}, gpu(2 ** 20), /more than this adapter can bind \(1048576 bytes a buffer\); lower max_model_len/],
    ]
    for (const [options, facts, message] of cases) {
      const error = errorOf(() => resolve(options, facts))
      expect(error.name).toBe('ModelLoadError')
      expect(error.message).toMatch(message)
    }
  })
})
