import { describe, expect, it } from 'vitest'
import { configurationsOf, peerPlan } from '../../bench/peers/peer-flags.ts'

const gpu = { small: false, embedded: false, software: false }
const messageOf = (...args: string[]): string => {
  try {
    peerPlan(args, true)
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
  return ''
}

describe('configurations', () => {
  it('are all that are worth it', () => {
    expect(configurationsOf(undefined, gpu)).toEqual([
      'native',
      'ort:static',
      'ort:capture',
      'ort:dynamic',
      'transformers:webgpu',
      'wllama',
    ])
    expect(configurationsOf(undefined, { ...gpu, small: true })).toContain('transformers:wasm')
  })

  it('run in one order, each once, whatever the list', () => {
    expect(configurationsOf('ort, ort:static,native', gpu)).toEqual(['native', 'ort:static', 'ort:capture', 'ort:dynamic'])
  })

  it('are slow ones only by their full names', () => {
    expect(configurationsOf('transformers:wasm', gpu)).toEqual(['transformers:wasm'])
    const embedded = { small: true, embedded: true, software: true }
    expect(configurationsOf(undefined, embedded)).toEqual(['transformers:wasm'])
    expect(configurationsOf(undefined, { ...embedded, software: false })).toEqual(['transformers:webgpu', 'transformers:wasm'])
    expect(configurationsOf('transformers:webgpu', embedded)).toEqual(['transformers:webgpu'])
  })
})

describe('flags', () => {
  it('have defaults for full sizes and for small ones', () => {
    expect(peerPlan(['--shape', 'qwen2vl_2b'], false)).toMatchObject({ context: 1024, tokens: 128, prefill: 1024, runs: 3, rounds: 1 })
    expect(peerPlan(['--shape', 'tiny'], false)).toMatchObject({ context: 128, tokens: 64, prefill: 64 })
    expect(peerPlan(['--shape', 'ocellus-tiny-vl'], false)?.shape).toBe(undefined)
    expect(peerPlan(['--help'], false)).toBe(undefined)
  })

  it.each([
    [[], /--shape is needed; one of tiny, .*ultravox_8b, ocellus-tiny-vl/],
    [['--shape', 'gpt'], /--shape is 'gpt'; it must be one of tiny/],
    [['--shape', 'tiny', '--peers', 'webllm'], /--peers names 'webllm'; it takes ort/],
    [['--shape', 'ocellus-tiny-vl', '--peers', 'ort'], /runs in transformers.js only/],
    [['--shape', 'tiny', '--tokens', '128'], /--tokens is 128 and --context 128/],
    [['--shape', 'tiny', '--context', '2000'], /tiny takes 1024 tokens/],
    [['--shape', 'tiny', '--runs', '0'], /--runs is '0'/],
    [['--shape', 'tiny', '--conext', '64'], /do you mean --context/],
    [['tiny'], /'tiny' belongs to no flag/],
  ])('are refused: %o', (args, message) => {
    expect(messageOf(...args)).toMatch(/^UsageError: /)
    expect(messageOf(...args)).toMatch(message)
  })
})
