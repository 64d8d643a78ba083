import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { existingProfiles, takeProfile } from '../../../cli/profile.ts'

const before = process.env['OCELLUS_CACHE']
let cache: string
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'ocellus-'))
  process.env['OCELLUS_CACHE'] = cache
})
afterAll(() => {
  if (before === undefined) delete process.env['OCELLUS_CACHE']
  else process.env['OCELLUS_CACHE'] = before
})

/** The id of a process that has ended. */
const ended = (): number => spawnSync('true').pid

describe('takeProfile', () => {
  it('gives the same folder again, others to those who come meanwhile, and other Chromiums their own', () => {
    const first = takeProfile('/bin/chromium')
    const second = takeProfile('/bin/chromium')
    expect(first.folder.startsWith(cache)).toBe(true)
    expect(second.folder).not.toBe(first.folder)
    expect(takeProfile('/bin/chrome').folder).not.toBe(first.folder)
    first.release()
    expect(takeProfile('/bin/chromium').folder).toBe(first.folder)
  })

  const marks: [what: string, mark: () => string, same: boolean][] = [
    ['a process that has ended', () => `${hostname()} ${ended()} 1`, true],
    ['an earlier process with our number', () => `${hostname()} ${process.pid} 1`, true],
    ['a process that lives', () => `${hostname()} ${process.ppid} 1`, false],
    ['another machine', () => 'elsewhere 1 1', false],
    ['nobody that can be read', () => '', false],
  ]
  for (const [what, mark, same] of marks) {
    it(`${same ? 'takes' : 'leaves'} a folder held by ${what}`, () => {
      const first = takeProfile('/bin/chromium')
      first.release()
      writeFileSync(`${first.folder}.lock`, mark())
      expect(takeProfile('/bin/chromium').folder === first.folder).toBe(same)
    })
  }

  it('leaves a folder that a Chromium still has open, and takes one whose Chromium was in a container of another name', () => {
    const first = takeProfile('/bin/chromium')
    first.release()
    symlinkSync(`${hostname()}-${process.pid}`, join(first.folder, 'SingletonLock'))
    const second = takeProfile('/bin/chromium')
    expect(second.folder).not.toBe(first.folder)
    second.release()
    symlinkSync('old-container-17', join(second.folder, 'SingletonLock'))
    expect(takeProfile('/bin/chromium').folder).toBe(second.folder)
  })

  it('makes do with a folder for the moment where none can be written', () => {
    writeFileSync(join(cache, 'file'), '')
    process.env['OCELLUS_CACHE'] = join(cache, 'file')
    const profile = takeProfile('/bin/chromium')
    mkdirSync(join(profile.folder, 'Default'))
    profile.release()
    expect(existsSync(profile.folder)).toBe(false)
  })
})

describe('existingProfiles', () => {
  it('takes those that nobody has, one by one, and makes none', () => {
    expect([...existingProfiles('/bin/chromium')]).toEqual([])
    const [first, second] = [takeProfile('/bin/chromium'), takeProfile('/bin/chromium')]
    second.release()
    expect([...existingProfiles('/bin/chromium')].map((profile) => profile?.folder)).toEqual([undefined, second.folder])
    first.release()
  })
})
