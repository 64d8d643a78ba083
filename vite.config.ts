import { resolve } from 'node:path'
import { defineConfig } from 'vite'
import { serviceWorker } from './scripts/service-worker-plugin.ts'
import { wgsl } from './scripts/wgsl-plugin.ts'

const page = (name: string): string => resolve(import.meta.dirname, 'demo', name)

// The demo page and its examples: `npm run dev` serves them from source, `npm run build:demo` writes a folder for any static host.
export default defineConfig(({ command }) => {
  const strip = command === 'build'
  return {
    root: 'demo',
    base: './',
    publicDir: resolve(import.meta.dirname, 'public'),
    plugins: [wgsl({ strip }), serviceWorker()],
    worker: { format: 'es', plugins: () => [wgsl({ strip })] },
    server: { fs: { allow: [import.meta.dirname] } },
    build: {
      outDir: resolve(import.meta.dirname, 'dist/demo'),
      emptyOutDir: true,
      target: 'es2023',
      rolldownOptions: { input: [page('index.html'), page('examples/index.html'), page('examples/runner.html')] },
    },
  }
})
