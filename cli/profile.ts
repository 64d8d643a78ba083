import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, hostname, tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder for Chromium's own caches and files, ours alone until it is released. */
export interface Profile {
  readonly folder: string
  release(): void
}

/** Where caches belong on this system; OCELLUS_CACHE names another place. */
function cacheFolder(): string {
  const named = process.env['OCELLUS_CACHE']
  if (named) return named
  if (process.platform === 'darwin') return join(homedir(), 'Library/Caches/ocellus')
  if (process.platform === 'win32') return join(process.env['LOCALAPPDATA'] ?? join(homedir(), 'AppData/Local'), 'ocellus/Cache')
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'ocellus')
}

const MOST_PROFILES = 64

/** Locks that this process holds. One of its number that it does not hold is of an earlier process, as in a container started again. */
const held = new Set<string>()

/**
 * Takes the first profile of this Chromium that no running process holds, so that what it caches (weights, compiled shaders) lasts from run
 * to run. Where no folder can be written, the profile lasts as long as the process.
 */
export function takeProfile(executable: string): Profile {
  const root = profilesFolder(executable)
  try {
    mkdirSync(root, { recursive: true })
    for (let i = 0; i < MOST_PROFILES; i++) {
      const profile = takeFolder(join(root, String(i)))
      if (!profile) continue
      mkdirSync(profile.folder, { recursive: true })
      return profile
    }
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
  const folder = mkdtempSync(join(tmpdir(), 'ocellus-profile-'))
  return { folder, release: () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }) }
}

/** A new profile that goes when it is released, or with this process. It lies where caches do, since what it keeps may be large. */
export function passingProfile(): Profile {
  const root = cacheFolder()
  mkdirSync(root, { recursive: true })
  const folder = mkdtempSync(join(root, 'passing-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  process.once('exit', remove)
  const release = (): void => {
    process.off('exit', remove)
    remove()
  }
  return { folder, release }
}

/** All profiles of this Chromium that there are: taken one by one as they are asked for; undefined in place of one that is in use. */
export function* existingProfiles(executable: string): Generator<Profile | undefined> {
  const root = profilesFolder(executable)
  for (let i = 0; i < MOST_PROFILES; i++) {
    const folder = join(root, String(i))
    if (existsSync(folder)) yield takeFolder(folder)
  }
}

/** A profile that a newer Chromium has used may be refused by an older one, so each has its own. */
const profilesFolder = (executable: string): string =>
  join(cacheFolder(), `chromium-${createHash('sha256').update(executable).digest('hex').slice(0, 8)}`)

/** Undefined: somebody has it. */
function takeFolder(folder: string): Profile | undefined {
  const lock = `${folder}.lock`
  if (!takeLock(lock)) return undefined
  if (!isOpenElsewhere(folder)) return { folder, release: () => releaseLock(lock) }
  releaseLock(lock)
  return undefined
}

/** Writes our name into a file that was not there, or whose writer is gone. */
function takeLock(path: string): boolean {
  if (held.has(path)) return false
  const taken = writeLock(path)
  if (taken) held.add(path)
  return taken
}

function releaseLock(path: string): void {
  held.delete(path)
  rmSync(path, { force: true })
}

function writeLock(path: string): boolean {
  const ours = `${hostname()} ${process.pid} ${Date.now()}`
  if (writeNew(path, ours)) return true
  const theirs = read(path)
  if (theirs === undefined) return writeNew(path, ours)
  const [host = '', pid = ''] = theirs.split(' ')
  const another = host !== hostname() || Number(pid) !== process.pid
  if (another && isAlive(host, Number(pid))) return false
  // Of several who find it left behind one moves it away; another may already have moved it and written its own, which goes back.
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return writeNew(path, ours)
  }
  const moved = read(aside)
  rmSync(aside, { force: true })
  if (moved !== undefined && moved !== theirs) {
    writeNew(path, moved)
    return false
  }
  return writeNew(path, ours)
}

function writeNew(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Of another machine nothing is known, so it counts as alive. */
function isAlive(host: string, pid: number): boolean {
  if (host !== hostname()) return true
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Whether a Chromium of an ended process still has the profile open. Its mark, a link to 'host-pid', is taken away when it comes from a
 * machine of another name (a container that was made anew), because Chromium would then refuse the profile for ever.
 */
function isOpenElsewhere(folder: string): boolean {
  const mark = join(folder, 'SingletonLock')
  let target: string
  try {
    target = readlinkSync(mark)
  } catch {
    return false
  }
  const dash = target.lastIndexOf('-')
  const host = target.slice(0, dash)
  if (host === hostname()) return isAlive(host, Number(target.slice(dash + 1)))
  for (const name of ['SingletonLock', 'SingletonCookie', 'SingletonSocket']) rmSync(join(folder, name), { force: true })
  return false
}
