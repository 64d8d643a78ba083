import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM, type Prompt } from '../../src/index.ts'

/** A scene, a query that is true of it alone, and what PyTorch makes of them in float32. */
interface Sample {
  picture: string
  query: string
  /** Dot product of the vectors of the query and its picture. */
  score: number
  /** The largest with any other picture. */
  runner_up: number
}

const ROOT = '/test/goldens/tiny-embed'
const samples = (await (await fetch(`${ROOT}/samples.json`)).json()) as Sample[]

const pictureOf = ({ picture }: Sample): Prompt => ({
  prompt: 'What is shown in this image?',
  multi_modal_data: { image: `${ROOT}/${picture}` },
})

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? Number.NaN), 0)

describe('the embedded embedding model', () => {
  let llm: LLM
  const embed = async (prompts: Prompt[], dimensions?: number): Promise<number[][]> => {
    const outputs = await llm.embed(prompts, dimensions === undefined ? {} : { dimensions })
    return outputs.map(({ outputs }) => [...outputs.embedding])
  }
  /** Row q, column p: the dot product of query q and picture p. */
  const scoresOf = async (dimensions?: number): Promise<number[][]> => {
    const pictures = await embed(samples.map(pictureOf), dimensions)
    const queries = await embed(
      samples.map(({ query }) => query),
      dimensions,
    )
    return queries.map((query) => pictures.map((picture) => dot(query, picture)))
  }
  const bestOf = (row: readonly number[]): number => row.indexOf(Math.max(...row))

  beforeAll(async () => {
    llm = await LLM.create({ model: '/models/ocellus-tiny-embed', task: 'embed', dtype: 'float32' })
  })
  afterAll(() => llm.dispose())

  it('gives the scores that PyTorch gives', async () => {
    const scores = await scoresOf()
    for (const [i, { score, runner_up }] of samples.entries()) {
      const others = scores[i]?.filter((_, j) => j !== i) ?? []
      expect(Math.abs((scores[i]?.[i] ?? Number.NaN) - score)).toBeLessThan(1e-4)
      expect(Math.abs(Math.max(...others) - runner_up)).toBeLessThan(1e-4)
    }
  })

  it('finds with each query the picture that PyTorch finds', async () => {
    const best = (await scoresOf()).map(bestOf)
    const found = best.map((place, i) => place === i)
    expect(found).toEqual(samples.map(({ score, runner_up }) => score > runner_up))
    expect(found.filter(Boolean).length / samples.length).toBeGreaterThanOrEqual(0.9)
  })

  it('finds nine in ten with half of its dimensions', async () => {
    const best = (await scoresOf(96)).map(bestOf)
    expect(best.filter((place, i) => place === i).length / samples.length).toBeGreaterThanOrEqual(0.9)
  })
})
