import type { BenchWork } from './page/measurement.ts'

/** What the process of native-child.ts is asked for, as JSON on its command line. */
export interface NativeWork extends BenchWork {
  /** The GGUF file. */
  readonly file: string
}

/** How the line of its standard output begins that holds the result; llama.cpp writes there too. */
export const NATIVE_RESULT = 'ocellus-result '
