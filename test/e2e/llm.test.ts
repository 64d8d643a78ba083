import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LibraryPage, openLibraryPage, thrownIn } from './page.ts'

let opened: LibraryPage
beforeAll(async () => {
  opened = await openLibraryPage()
  await opened.page.evaluate(async () => {
    globalThis.llm = await LLM.create(options)
  })
})
afterAll(async () => {
  await opened.close()
})

describe('the built library in a page', () => {
  it('says what it loaded, and reports progress on the way', async () => {
    const { info, seen } = await opened.page.evaluate(async () => {
      const seen: string[] = []
      const other = await LLM.create({ ...options, onProgress: ({ status }) => seen.push(status) })
      await other.dispose()
      return { info: llm.info, seen: [...new Set(seen)] }
    })
    expect(info.model_type).toBe('qwen2_vl')
    expect(info.max_model_len).toBe(256)
    expect(info.dtype).toBe('float32')
    expect(info.modalities).toEqual(['image', 'video'])
    expect(info.gpu_bytes).toBeGreaterThan(100_000)
    expect([...seen].sort()).toEqual(['compile', 'done', 'download', 'initiate', 'progress', 'ready', 'warmup'])
    expect(seen[0]).toBe('initiate')
    expect(seen.at(-1)).toBe('ready')
  })

  it('continues prompts and keeps their order, long and short ones together', async () => {
    const outputs = await opened.page.evaluate(async () => {
      const lengths = [24, 2, 11, 5]
      const prompts = lengths.map((n) => `The number ${n}`)
      const params = lengths.map((max_tokens) => ({ temperature: 0, max_tokens, ignore_eos: true }))
      const together = await llm.generate(prompts, params)
      const alone = []
      for (const [i, prompt] of prompts.entries()) alone.push(...(await llm.generate(prompt, params[i])))
      return { prompts, together, alone }
    })
    expect(outputs.together.map(({ prompt }) => prompt)).toEqual(outputs.prompts)
    expect(outputs.together.map(({ outputs: [first] }) => first?.token_ids.length)).toEqual([24, 2, 11, 5])
    expect(outputs.together.map(({ outputs: [first] }) => first?.token_ids)).toEqual(
      outputs.alone.map(({ outputs: [first] }) => first?.token_ids),
    )
    expect(new Set(outputs.together.map(({ request_id }) => request_id)).size).toBe(4)
  })

  it('writes 16 tokens where generate is told no number, and takes token ids for a prompt', async () => {
    const { first, second } = await opened.page.evaluate(async () => {
      const sampling = { temperature: 0, ignore_eos: true }
      const [first] = await llm.generate('Hello there', sampling)
      const [second] = await llm.generate({ prompt_token_ids: first!.prompt_token_ids }, sampling)
      return { first: first!, second: second! }
    })
    expect(first.outputs[0]?.token_ids.length).toBe(16)
    expect(first.outputs[0]?.finish_reason).toBe('length')
    expect(second.outputs[0]?.token_ids).toEqual(first.outputs[0]?.token_ids)
    expect(second.prompt).toBe(null)
  })

  it('gives n continuations with log-probabilities that sum up', async () => {
    const output = await opened.page.evaluate(
      async () => (await llm.generate('Once', { n: 3, seed: 7, max_tokens: 6, logprobs: 1, ignore_eos: true }))[0]!,
    )
    expect(output.outputs.map(({ index }) => index)).toEqual([0, 1, 2])
    for (const { token_ids, logprobs, cumulative_logprob } of output.outputs) {
      const sum = token_ids.reduce((total, id, i) => total + (logprobs?.[i]?.[id]?.logprob ?? Number.NaN), 0)
      expect(cumulative_logprob).toBeCloseTo(sum, 6)
    }
  })

  it('answers conversations with pictures from a canvas, a file and an address alike', async () => {
    const ids = await opened.page.evaluate(async (url) => {
      const blob = await (await fetch(url)).blob()
      const bitmap = await createImageBitmap(blob)
      const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width, height: bitmap.height })
      canvas.getContext('2d')!.drawImage(bitmap, 0, 0)
      const conversation = (image: HTMLCanvasElement | Blob | string) => [
        {
          role: 'user' as const,
          content: [
            { type: 'image' as const, image },
            { type: 'text' as const, text: 'What is it?' },
          ],
        },
      ]
      const sampling = { temperature: 0, max_tokens: 8, ignore_eos: true }
      const outputs = await llm.chat([conversation(canvas), conversation(blob), conversation(url)], sampling)
      const [asUrl] = await llm.chat(
        [
          {
            role: 'user',
            content: [
              { type: 'image_url', image_url: { url } },
              { type: 'text', text: 'What is it?' },
            ],
          },
        ],
        sampling,
      )
      return [...outputs, asUrl!].map(({ outputs: [first] }) => first!.token_ids)
    }, `${opened.images}shapes.png`)
    expect(ids[0]?.length).toBe(8)
    for (const other of ids) expect(other).toEqual(ids[0])
  })

  it('streams the text that chat gives, and the usage last', async () => {
    const { whole, chunks } = await opened.page.evaluate(async () => {
      const messages = [{ role: 'user' as const, content: 'Tell me more.' }]
      const sampling = { temperature: 0, max_tokens: 40, ignore_eos: true }
      const [whole] = await llm.chat(messages, sampling)
      const chunks = []
      for await (const chunk of llm.stream(messages, sampling)) chunks.push(chunk)
      return { whole: whole!, chunks }
    })
    expect(chunks.map(({ text }) => text).join('')).toBe(whole.outputs[0]?.text)
    expect(chunks.flatMap(({ token_ids }) => token_ids)).toEqual(whole.outputs[0]?.token_ids)
    expect(chunks.filter(({ finish_reason }) => finish_reason !== null).length).toBe(1)
    expect(chunks.filter(({ usage }) => usage !== null).length).toBe(1)
    expect(chunks.at(-1)?.usage).toEqual({
      prompt_tokens: whole.prompt_token_ids.length,
      completion_tokens: 40,
      total_tokens: whole.prompt_token_ids.length + 40,
    })
  })

  it('turns text into tokens and back', async () => {
    const text = await opened.page.evaluate(async () => llm.detokenize(await llm.tokenize('Grüße, 你好 👋')))
    expect(text).toBe('Grüße, 你好 👋')
  })
})

/** Waits until the engine holds no request. */
const idle = (): Promise<unknown> =>
  opened.page.evaluate(async () => {
    for (;;) {
      const { running, waiting } = await llm.stats()
      if (running + waiting === 0) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })

describe('ending requests', () => {
  it('ends a stream that is left, and works on', async () => {
    const taken = await opened.page.evaluate(async () => {
      let chunks = 0
      for await (const _ of llm.stream('Count', { max_tokens: 200, ignore_eos: true })) if (++chunks === 3) break
      return chunks
    })
    expect(taken).toBe(3)
    await idle()
    const tokens = await opened.page.evaluate(
      async () => (await llm.generate('Again', { max_tokens: 3, ignore_eos: true }))[0]?.outputs[0]?.token_ids.length,
    )
    expect(tokens).toBe(3)
  })

  it('ends a stream in the middle when its signal says so', async () => {
    const message = await thrownIn(
      opened.page,
      async () => {
        const controller = new AbortController()
        let chunks = 0
        for await (const _ of llm.stream('Count', { max_tokens: 200, ignore_eos: true }, { signal: controller.signal }))
          if (++chunks === 2) controller.abort()
      },
      undefined,
    )
    expect(message).toMatch(/^AbortError/)
    await idle()
  })

  it('does not start what was aborted before, and ends a whole batch at once', async () => {
    const aborted = await thrownIn(opened.page, () => llm.generate('x', {}, { signal: AbortSignal.abort() }), undefined)
    expect(aborted).toMatch(/^AbortError/)
    const batch = await thrownIn(
      opened.page,
      () => llm.generate(['a', 'b', 'c'], { max_tokens: 200, ignore_eos: true }, { signal: AbortSignal.timeout(300) }),
      undefined,
    )
    expect(batch).toMatch(/^TimeoutError/)
    await idle()
  })

  it('rejects a batch with its first failure and ends the others', async () => {
    const message = await thrownIn(
      opened.page,
      () => llm.generate(['good', { prompt_token_ids: [1e9] }], { max_tokens: 200, ignore_eos: true }),
      undefined,
    )
    expect(message).toMatch(/^InvalidRequestError/)
    await idle()
  })
})

describe('ending the engine', () => {
  it('rejects what is under way on dispose, and every call after it; a second dispose is quiet', async () => {
    const results = await opened.page.evaluate(async () => {
      const other = await LLM.create(options)
      const open = other.generate('x', { max_tokens: 250, ignore_eos: true }).catch((error: Error) => error.name)
      const streamed = other.stream('x', { max_tokens: 250, ignore_eos: true })
      await streamed.next()
      await Promise.all([other.dispose(), other.dispose()])
      const after = await other.generate('x').catch((error: Error) => error.name)
      const rest = await streamed.next().then(
        () => streamed.next().catch((error: Error) => error.name),
        (error: Error) => error.name,
      )
      const stats = await other.stats().catch((error: Error) => error.name)
      return [await open, after, rest, stats]
    })
    expect(results).toEqual(['AbortError', 'AbortError', 'AbortError', 'AbortError'])
  })

  it('gives a load up when its signal says so', async () => {
    const messages = await Promise.all([
      thrownIn(opened.page, () => LLM.create({ ...options, signal: AbortSignal.abort() }), undefined),
      thrownIn(
        opened.page,
        () => {
          const controller = new AbortController()
          return LLM.create({
            ...options,
            signal: controller.signal,
            onProgress: ({ status }) => status === 'download' && controller.abort(),
          })
        },
        undefined,
      ),
    ])
    for (const message of messages) expect(message).toMatch(/^AbortError/)
  })

  it('says that a worker cannot be started', async () => {
    const message = await thrownIn(opened.page, (url) => LLM.create({ ...options, workerUrl: url }), `${opened.library}no-such-file.js`)
    expect(message).toMatch(/^ModelLoadError: .*worker could not be started/)
  })

  it('takes a worker of the page’s own, and notices when that is ended', async () => {
    const message = await thrownIn(
      opened.page,
      async (url) => {
        const worker = new Worker(url, { type: 'module' })
        const other = await LLM.create({ ...options, worker })
        const stream = other.stream('x', { max_tokens: 250, ignore_eos: true })
        await stream.next()
        worker.terminate()
        for await (const _ of stream);
      },
      `${opened.library}worker.js`,
    )
    expect(message).toMatch(/^DeviceLostError: .*worker/)
  })

  it('has left no error that nobody caught', () => {
    expect(opened.complaints).toEqual([])
  })
})
