import { type ConversionJob, convertHere } from '../engine/row-converter.ts'

/** Name of a worker that converts weights in place of being an engine. */
export const CONVERT_WORKER = 'ocellus-convert'

/** What comes back for a job; without an id: the worker has begun. */
export type Conversion =
  | { readonly id?: undefined }
  | { readonly id: number; readonly rows: ReturnType<typeof convertHere> }
  | { readonly id: number; readonly error: { readonly name: string; readonly message: string } }

/** What a worker has of its scope. */
interface Scope {
  onmessage: ((event: MessageEvent<{ id: number; job: ConversionJob }>) => void) | null
  postMessage(message: Conversion, transfer?: Transferable[]): void
}

/** Answers conversion jobs, and says that it does. */
export function serveConversions(scope: Scope): void {
  scope.onmessage = ({ data: { id, job } }) => {
    try {
      const rows = convertHere(job)
      const buffers = new Set([rows.data.buffer, ...(rows.scales ? [rows.scales.buffer] : [])])
      scope.postMessage({ id, rows }, [...buffers])
    } catch (error) {
      const { name, message } = error as Error
      scope.postMessage({ id, error: { name, message } })
    }
  }
  scope.postMessage({})
}
