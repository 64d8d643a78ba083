import { describe, expect, it } from 'vitest'
import { bytesPerToken } from '../../../cli/bench-traffic.ts'
import { qwen2Vl2b } from '../../../cli/shapes/qwen2-vl.ts'
import { ultravox8b } from '../../../cli/shapes/ultravox.ts'

describe('bytesPerToken', () => {
  it('counts layers, head, keys and values of Llama 3.1 8B', () => {
    const layers = 32 * (2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 14336 * 4096)
    const head = 128256 * 4096
    const float16 = { dtype: 'float16', quantization: 'none' } as const
    expect(bytesPerToken(ultravox8b.decoder, float16, 0)).toBe(2 * (layers + head))
    // 128 KiB of keys and values a token.
    expect(bytesPerToken(ultravox8b.decoder, float16, 1000) - bytesPerToken(ultravox8b.decoder, float16, 0)).toBe(131_072_000)
    // 4 bits and a half a value in groups of 32; the head 8 and a half.
    expect(bytesPerToken(ultravox8b.decoder, { dtype: 'float16', quantization: 'q4' }, 0)).toBe((layers * 4.5 + head * 8.5) / 8)
  })

  it('counts a tied table once, and caches of four bytes a value in float32', () => {
    const matrices = 28 * (2 * 1536 * 1536 + 2 * 256 * 1536 + 3 * 8960 * 1536) + 151936 * 1536
    expect(bytesPerToken(qwen2Vl2b.decoder, { dtype: 'float32', quantization: 'q8' }, 10)).toBe((matrices * 8.5) / 8 + 2 * 28672 * 10)
  })
})
