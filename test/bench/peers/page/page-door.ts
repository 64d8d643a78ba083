/** What a page gave, or why not. */
export type PageOutcome<T> = { readonly value: T } | { readonly error: string }

/** What the page keeps for the process that drives it. */
export interface PageDoor {
  ocellusMeasure?: (work: unknown) => Promise<PageOutcome<unknown>>
}

/** Makes this function the one that the page is asked to run. Errors cross as text. */
export function measureHere<W, T>(measure: (work: W) => Promise<T>): void {
  const door = globalThis as unknown as PageDoor
  door.ocellusMeasure = async (work) => {
    try {
      return { value: await measure(work as W) }
    } catch (error) {
      return { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
    }
  }
}
