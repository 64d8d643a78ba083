import { resolve } from 'node:path'
import type { CachedModel } from '../src/index.ts'
import { chooseChromium, PAGE_ORIGIN, withBrowser } from './browser.ts'
import { startFileServer } from './file-server.ts'
import { clearInPage, listInPage } from './page/page-cache.ts'
import type { Outcome } from './page/page-engine.ts'
import { existingProfiles, type Profile } from './profile.ts'
import { log, megabytes } from './terminal.ts'
import { parseFlags, UsageError } from './usage.ts'

export const cacheHelp = `ocellus cache [list | clear [MODEL…]] [flags]

Lists the models that are kept on this machine, so that they load faster the next time, or removes them: those named, or all.
MODEL is a Hub id, a URL, or a local folder.

      --json                     one JSON object a line: model, kind, recipe, bytes, complete, last_used
      --chromium PATH            the Chromium that they were loaded with (default: CHROMIUM of the environment, the system's, Playwright's)
  -h, --help

They lie in Chromium's profile below OCELLUS_CACHE, or the system's folder for caches.`

const flags = { json: { type: 'boolean' }, chromium: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const

/** Runs the command and gives the exit status. Errors: UsageError; that no Chromium starts. */
export async function cache(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseFlags(args, flags)
  if (values.help) {
    console.log(cacheHelp)
    return 0
  }
  const [action = 'list', ...models] = positionals
  if (action !== 'list' && action !== 'clear') throw new UsageError(`cache takes 'list' or 'clear', not '${action}'.`)
  if (action === 'list' && models.length > 0) throw new UsageError(`cache list takes no models, such as '${models[0]}'.`)
  const { path } = await chooseChromium({ chromium: values.chromium, log })
  const kept: CachedModel[] = []
  let freed = 0
  let missed = false
  for (const profile of existingProfiles(path)) {
    if (!profile) {
      missed = true
      log('Another ocellus is running; what it has loaded is left out.')
      continue
    }
    const all = await inProfile(path, profile, async (list, clear) => {
      const found = await list()
      if (action === 'clear')
        freed += await clear(models.length > 0 ? found.filter((each) => isNamed(each, models)).map(({ model }) => model) : null)
      return found
    })
    kept.push(...all)
  }
  if (action === 'list') for (const each of kept) console.log(values.json ? asJson(each) : asLine(each))
  else console.log(values.json ? JSON.stringify({ freed }) : `${megabytes(freed)} freed`)
  const unknown = models.filter((model) => !kept.some((each) => isNamed(each, [model])))
  for (const model of unknown) log(`Nothing is kept of ${model}.`)
  return action === 'clear' && (missed || unknown.length > 0) ? 1 : 0
}

type Work<T> = (list: () => Promise<CachedModel[]>, clear: (models: readonly string[] | null) => Promise<number>) => Promise<T>

/** Runs Chromium on this profile, with a page where its models are found. */
async function inProfile<T>(path: string, profile: Profile, work: Work<T>): Promise<T> {
  const server = await startFileServer(PAGE_ORIGIN)
  try {
    const library = `${server.mount(import.meta.dirname)}index.js`
    return await withBrowser({ chromium: path, profile, log }, server.port, async (browser) => {
      const page = await browser.context.newPage()
      await page.goto(server.page)
      const done = await work(
        async () => outcomeOf(await page.evaluate(listInPage, { library })),
        async (models) => outcomeOf(await page.evaluate(clearInPage, { library, models })),
      )
      await browser.close()
      return done
    })
  } finally {
    await server.close()
  }
}

function outcomeOf<T>(outcome: Outcome<T>): T {
  if ('value' in outcome) return outcome.value
  throw Object.assign(new Error(outcome.error.message), { name: outcome.error.name })
}

/** Local folders were loaded from an address of our own that ends in their name. */
const shownName = ({ model }: CachedModel): string =>
  model.startsWith(PAGE_ORIGIN) ? decodeURIComponent(/\/d\d+-([^/]*)\/*$/.exec(model)?.[1] ?? model) : model.replace(/\/+$/, '')

/** Whether one of these means it: as it is listed, or for a local folder its path. */
function isNamed(kept: CachedModel, models: readonly string[]): boolean {
  const name = shownName(kept)
  const lastOf = (path: string): string | undefined => resolve(path).split(/[/\\]/).at(-1)
  return models.some((model) => name === model.replace(/\/+$/, '') || (kept.model.startsWith(PAGE_ORIGIN) && name === lastOf(model)))
}

const asJson = (kept: CachedModel): string => {
  const { kind, recipe, bytes, complete, lastUsed } = kept
  return JSON.stringify({ model: shownName(kept), kind, recipe, bytes, complete, last_used: lastUsed?.toISOString() ?? null })
}

function asLine(kept: CachedModel): string {
  const { kind, recipe, bytes, complete, lastUsed } = kept
  const what = kind === 'files' ? 'config and tokenizer' : `weights as ${recipe}${complete ? '' : ' (in part)'}`
  return [shownName(kept), what, megabytes(bytes), lastUsed?.toISOString().slice(0, 10) ?? 'never used'].join('  ')
}
