import { describe, expect, it } from 'vitest'
import { PageLife } from '../../../cli/page-life.ts'

const reasonOf = (work: Promise<unknown>): Promise<unknown> => work.catch((error: Error) => error.message)

describe('PageLife', () => {
  it('gives what was waited for, and keeps nothing of it', async () => {
    const life = new PageLife()
    const never = life.orEnd(new Promise(() => {}))
    expect(await life.orEnd(Promise.resolve(7))).toBe(7)
    expect(await reasonOf(life.orEnd(Promise.reject(new Error('its own'))))).toBe('its own')
    expect(life.waiting).toBe(1)
    life.end(new Error('crashed'))
    expect(await reasonOf(never)).toBe('crashed')
    expect(life.waiting).toBe(0)
  })

  it('ends everything with the first reason, what comes later included', async () => {
    const life = new PageLife()
    life.end(new Error('crashed'))
    life.end(new Error('closed'))
    expect(await reasonOf(life.gone)).toBe('crashed')
    expect(await reasonOf(life.orEnd(new Promise(() => {})))).toBe('crashed')
    expect(life.waiting).toBe(0)
  })
})
