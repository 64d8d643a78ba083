// import.meta.glob in tests: Vite's.
/// <reference types="vite/types/importMeta.d.ts" />
