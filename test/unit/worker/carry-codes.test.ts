import { expose, wrap } from 'comlink'
import { describe, expect, it } from 'vitest'
import { invalidRequestError, mediaError, withCode } from '../../../src/util/errors.ts'
import { carryErrorCodes } from '../../../src/worker/carry-codes.ts'

carryErrorCodes()

const service = {
  coded: () => Promise.reject(withCode(mediaError('late'), 'media_timeout')),
  plain: () => Promise.reject(invalidRequestError('odd')),
  text: () => Promise.reject('a text'),
}

describe('errors over comlink', () => {
  it('keep their name, message and code; others are as they were', async () => {
    const { port1, port2 } = new MessageChannel()
    expose(service, port2)
    const remote = wrap<typeof service>(port1)
    const thrown = (work: Promise<unknown>) => work.catch((error: unknown) => error)
    expect(await thrown(remote.coded())).toMatchObject({ name: 'MediaError', message: 'late', code: 'media_timeout' })
    const plain = (await thrown(remote.plain())) as Error
    expect([plain.name, plain.message, 'code' in plain]).toEqual(['InvalidRequestError', 'odd', false])
    expect(await thrown(remote.text())).toBe('a text')
    port1.close()
    port2.close()
  })
})
