import { llava7b, tinyLlava } from './llava.ts'
import { minicpm8b, tinyMinicpmv } from './minicpmv.ts'
import { phi35v, tinyPhi3V } from './phi3-v.ts'
import { qwen2Vl2b, tinyQwen2Vl } from './qwen2-vl.ts'
import type { ModelShape } from './shape.ts'
import { tinyUltravox, ultravox8b } from './ultravox.ts'

/** The full-size shapes that bench measures. */
export const fullShapes: readonly ModelShape[] = [qwen2Vl2b, llava7b, phi35v, minicpm8b, ultravox8b]

/** The same architectures with next to no weights, to see on any machine that all of it works. */
export const tinyShapes: readonly ModelShape[] = [tinyQwen2Vl, tinyLlava, tinyPhi3V, tinyMinicpmv, tinyUltravox]
