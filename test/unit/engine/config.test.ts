import { describe, expect, it } from 'vitest'
import { checkOptions, type GpuFacts, resolveConfig } from '../../../src/engine/config.ts'
import type { DecoderShape } from '../../../src/models/family.ts'
import type { EngineOptions } from '../../../src/protocol/engine-api.ts'

// Qwen2-VL-2B: a block of 16 tokens is 16 · 28 · 2 · 2 · 128 values.
const shape: DecoderShape = { layers: 28, kvHeads: 2, headDim: 128, hidden: 1536, vocabulary: 151936, maxPositions: 32768 }
const BLOCK_BYTES = 16 * 28 * 2 * 2 * 128 * 2
const gpu = (bytes = 2 ** 31): GpuFacts => ({
  software: false,
  device: { limits: { maxBufferSize: bytes, maxStorageBufferBindingSize: bytes } },
})

const resolve = (options: Partial<EngineOptions> = {}, facts = gpu()) =>
  resolveConfig(checkOptions({ model: 'm', ...options }), 'm', shape, facts)

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
    [{ chat_template: 5 }, /^chat_template must be a string, got 5\.$/],
    [{ enable_prefix_caching: 1 }, /^enable_prefix_caching must be true or false, got 1\.$/],
    [{ mm_processor_kwargs: [] }, /^mm_processor_kwargs must be an object/],
    [{ disable_features: 'subgroups' }, /^disable_features must be a list/],
    [{ seed: 'x' }, /^seed must be an integer, got "x"\.$/],
  ]
  for (const [options, message] of refused) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      const error = errorOf(() => checkOptions({ model: 'm', ...options } as EngineOptions))
      expect(error.name).toBe('InvalidRequestError')
      expect(error.message).toMatch(message)
    })
  }

  it('reads auto as float16', () => {
    expect([checkOptions({ model: 'm' }).dtype, checkOptions({ model: 'm', dtype: 'auto' }).dtype]).toEqual(['float16', 'float16'])
  })
})

describe('resolveConfig', () => {
  it('has defaults that fit the model and the adapter', () => {
    expect(resolve()).toMatchObject({ maxModelLength: 4096, maxSequences: 16, maxBatchedTokens: 512, mediaRows: 8192, prefixCaching: true })
    expect(resolve({}, { ...gpu(), software: true }).maxBatchedTokens).toBe(128)
    expect(resolveConfig(checkOptions({ model: 'm' }), 'm', { ...shape, maxPositions: 2048 }, gpu()).maxModelLength).toBe(2048)
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
    expect(resolveConfig(checkOptions({ model: 'm' }), 'm', { ...shape, vocabulary: 500 }, gpu()).maxPromptRows).toBe(256)
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
