/**
 * The same stream, with news of its end: `onEnd` is called once, when it has been read to its end, has failed or was cancelled. An aborted
 * signal makes it fail with the signal's reason at once. Nothing is buffered on the way, so that a reader's pace reaches the writer.
 */
export function followStream(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { onEnd, signal }: { onEnd?: () => void; signal?: AbortSignal },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader()
  let onAbort = (): void => {}
  let open = true
  const end = (): void => {
    if (!open) return
    open = false
    signal?.removeEventListener('abort', onAbort)
    onEnd?.()
  }
  return new ReadableStream(
    {
      start(controller) {
        onAbort = () => {
          controller.error(signal?.reason)
          reader.cancel(signal?.reason).catch(() => {})
          end()
        }
        if (signal?.aborted) onAbort()
        else signal?.addEventListener('abort', onAbort)
      },
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!open) return
          if (!done) return controller.enqueue(value)
          end()
          controller.close()
        } catch (error) {
          end()
          throw error
        }
      },
      cancel(reason) {
        end()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
