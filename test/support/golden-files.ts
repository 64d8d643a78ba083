import { readFileSync } from 'node:fs'
import type { ModelFiles } from '../../src/models/family.ts'
import { createTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts'

/** Families whose tokenizers and templates are kept under test/goldens. */
export const families = ['llava', 'phi3_v', 'qwen2_vl', 'minicpmv', 'ultravox', 'vlm2vec', 'dse_qwen2'] as const

/** A JSON file under test/goldens. */
export function readGolden<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(`../goldens/${path}`, import.meta.url), 'utf8')) as T
}

/** The tokenizer of a golden checkpoint. */
export function goldenTokenizer(family: string): Tokenizer {
  return createTokenizer(readGolden(`${family}/checkpoint/tokenizer.json`), readGolden(`${family}/checkpoint/tokenizer_config.json`))
}

/** The JSON files of a golden checkpoint, as far as it has them. */
export const goldenModelFiles = (family: string): ModelFiles => ({
  config: readGolden(`${family}/checkpoint/config.json`),
  generationConfig: readGolden(`${family}/checkpoint/generation_config.json`),
  preprocessorConfig: readGolden(`${family}/checkpoint/preprocessor_config.json`),
  videoPreprocessorConfig: undefined,
  processorConfig: undefined,
})

/** What the tokenizers library makes of ids, and of text whose special tokens are plain; see test/goldens/make-decode-cases.py. */
export interface DecodeCases {
  decoded: { ids: number[]; text: string; skipped: string }[]
  plain: { text: string; ids: number[] }[]
}

/** Families whose tokenizers differ, with their decoding cases. */
export const decodeCases = families.slice(0, 5).map((family) => [family, readGolden<DecodeCases>(`${family}/decode_cases.json`)] as const)
