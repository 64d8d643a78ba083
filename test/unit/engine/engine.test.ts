import { describe, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine.ts'
import type { EngineRequest } from '../../../src/protocol/engine-api.ts'

describe('a request that is refused before it is read', () => {
  const refused: [what: string, more: object, message: RegExp][] = [
    ['without a model', {}, /^No model is loaded/],
    ['with an odd lock', { reader_lock: 5 }, /^reader_lock must be a lock's name, got 5/],
  ]

  it.each(refused)('%s leaves no picture and no port open', async (_, more, message) => {
    let closed = 0
    const bitmap = { close: () => void closed++ } as ImageBitmap
    const { port1, port2 } = new MessageChannel()
    const portClosed = new Promise((resolve) => port1.addEventListener('close', () => resolve('closed')))
    const request = { request_id: '1', input: { prompt: 'a' }, media: { image: [{ kind: 'bitmap', bitmap }] }, sampling: {}, ...more }
    const error = await new Engine().submit(request as EngineRequest, port2).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'InvalidRequestError', message: expect.stringMatching(message) })
    expect([closed, await portClosed]).toEqual([1, 'closed'])
  })
})
