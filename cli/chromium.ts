import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { chromium, type LaunchOptions } from 'playwright'

/** A Chromium on this machine and how it was found. */
export interface ChromiumFound {
  path: string
  source: 'CHROMIUM' | 'system' | 'playwright'
}

type Log = (line: string) => void

const linuxPlaces = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable']
const macPlaces = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium']
const windowsPlaces = ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA']
  .map((name) => process.env[name])
  .filter((folder) => folder !== undefined)
  .map((folder) => join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe'))

const usualPlaces = process.platform === 'darwin' ? macPlaces : process.platform === 'win32' ? windowsPlaces : linuxPlaces

/**
 * Finds a Chromium: the environment variable CHROMIUM, then the usual places of the system, then Playwright's own download.
 * Gives undefined where there is none. Throws when CHROMIUM names a file that does not exist.
 */
export function findChromium(): ChromiumFound | undefined {
  const named = process.env['CHROMIUM']
  if (named) {
    if (existsSync(named)) return { path: named, source: 'CHROMIUM' }
    throw new Error(`CHROMIUM is ${named}, which does not exist; name a Chromium executable or unset CHROMIUM to search for one.`)
  }
  const system = usualPlaces.find((path) => existsSync(path))
  if (system) return { path: system, source: 'system' }
  const own = chromium.executablePath()
  return own && existsSync(own) ? { path: own, source: 'playwright' } : undefined
}

/**
 * Installs Chromium: Playwright's download, else the system's package (`apt-get`, as root or through a sudo that asks nothing).
 * `log` gets a line per step. Throws, saying what was tried, when neither works.
 */
export async function installChromium(log: Log = console.error): Promise<ChromiumFound> {
  const tried: string[] = []
  if (await playwrightReachable()) {
    tried.push(await installWithPlaywright(log))
  } else {
    tried.push('Playwright: its download server cannot be reached')
    log('Playwright’s download server cannot be reached; trying the system’s package.')
  }
  let found = findChromium()
  if (!found) {
    tried.push(await installWithApt(log))
    found = findChromium()
  }
  if (found) return found
  throw new Error(
    `Chromium could not be installed (${tried.join('; ')}). Install Chromium or Chrome yourself, and set CHROMIUM to its path if it is in an unusual place.`,
  )
}

/** The options Playwright needs to start `found` (default: what findChromium finds) with WebGPU, without a display. */
export function launchOptions(options: { software?: boolean; found?: ChromiumFound } = {}): LaunchOptions {
  const found = options.found ?? findChromium()
  if (!found) throw new Error('No Chromium was found; install Chromium or Chrome, or set CHROMIUM to the path of one.')
  const software = options.software ?? !hasGpu()
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic']
  const base: LaunchOptions = { executablePath: found.path, headless: true }
  if (software) return { ...base, args: [...quiet, ...softwareFlags] }
  return {
    ...base,
    args: [...quiet, ...(process.platform === 'linux' ? vulkanFlags : []), ...gpuFlags],
    // Playwright asks for the software rasteriser in headless mode; on a real GPU that hides the adapter.
    ignoreDefaultArgs: ['--enable-unsafe-swiftshader', '--disable-gpu'],
  }
}

/**
 * SwiftShader. Its compile time grows with the workgroup memory that the driver is asked to clear: 7 s against 9 ms for a shader with
 * 16 KiB; switched off, Dawn clears it by a loop in the shader.
 */
const softwareFlags = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
]

/** Whether this machine seems to have a GPU that Chromium can use. On Linux: a render node or an NVIDIA device; elsewhere: yes. */
export function hasGpu(): boolean {
  if (process.platform !== 'linux') return true
  if (existsSync('/dev') && readdirSync('/dev').some((name) => /^nvidia\d+$/.test(name))) return true
  return existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'))
}

const vulkanFlags = [
  '--enable-gpu',
  '--use-gl=angle',
  '--use-angle=vulkan',
  '--enable-features=Vulkan',
  '--use-vulkan=native',
  '--disable-vulkan-surface',
]

// Dawn hides f16 on NVIDIA's Vulkan driver unless told; it works there.
const gpuFlags = [
  '--use-webgpu-adapter=default',
  '--ignore-gpu-blocklist',
  '--enable-unsafe-webgpu',
  '--enable-webgpu-developer-features',
  '--enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis',
]

async function playwrightReachable(): Promise<boolean> {
  // Behind a proxy or with another host only Playwright itself can tell.
  const routed = ['HTTPS_PROXY', 'https_proxy', 'PLAYWRIGHT_DOWNLOAD_HOST', 'PLAYWRIGHT_CHROMIUM_DOWNLOAD_HOST']
  if (routed.some((name) => process.env[name])) return true
  try {
    await fetch('https://cdn.playwright.dev/', { method: 'HEAD', signal: AbortSignal.timeout(8000) })
    return true
  } catch {
    return false
  }
}

async function installWithPlaywright(log: Log): Promise<string> {
  const cli = join(dirname(createRequire(import.meta.url).resolve('playwright/package.json')), 'cli.js')
  // Its system libraries come from apt, which needs root.
  const withDeps = rootPrefix() && existsSync('/usr/bin/apt-get') ? ['--with-deps'] : []
  const code = await runLogged(log, process.execPath, [cli, 'install', ...withDeps, 'chromium'])
  return `Playwright: exit ${code}`
}

async function installWithApt(log: Log): Promise<string> {
  const prefix = rootPrefix()
  if (!existsSync('/usr/bin/apt-get')) return 'system package: no apt-get here'
  if (!prefix) return 'system package: needs root or sudo'
  const env = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-y']
  await runLogged(log, ...split([...prefix, ...env, 'update']))
  const code = await runLogged(log, ...split([...prefix, ...env, '--no-install-recommends', 'install', 'chromium']))
  return `apt-get install chromium: exit ${code}`
}

/** What to put before a command to run it as root: nothing, or sudo where it asks no password; undefined where neither works. */
function rootPrefix(): string[] | undefined {
  if (process.getuid?.() === 0) return []
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined
}

const split = ([command = '', ...args]: string[]): [string, string[]] => [command, args]

/** Runs a command with its output on our stderr (stdout stays clean for answers) and gives its exit code. */
function runLogged(log: Log, command: string, args: string[]): Promise<number> {
  log(`$ ${[command, ...args].join(' ')}`)
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', process.stderr, process.stderr] })
    child.on('error', () => resolve(127))
    child.on('close', (code) => resolve(code ?? 1))
  })
}
