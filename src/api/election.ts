/**
 * Takes part in an election among the tabs of an origin: `serve` runs while this tab holds the Web Lock of this name, and when it ends, the next
 * tab's does. Resolves when `serve` has, or when the signal ends the waiting; rejects with what `serve` throws.
 */
export async function joinElection(name: string, serve: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const round = new AbortController()
    // A page in the back-forward cache is frozen: elected there, it would answer nobody.
    const withdraw = ({ persisted }: PageTransitionEvent): void => {
      if (persisted) round.abort()
    }
    addEventListener('pagehide', withdraw)
    try {
      let elected = false
      const waiting = AbortSignal.any([signal, round.signal])
      await navigator.locks
        .request(name, { signal: waiting }, () => {
          elected = true
          return serve()
        })
        .catch((error: unknown) => {
          if (elected || !waiting.aborted) throw error
        })
      if (elected) return
    } finally {
      removeEventListener('pagehide', withdraw)
    }
    if (!signal.aborted) await nextEvent('pageshow', signal)
  }
}

function nextEvent(name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      removeEventListener(name, end)
      signal.removeEventListener('abort', end)
      resolve()
    }
    addEventListener(name, end)
    signal.addEventListener('abort', end)
  })
}
