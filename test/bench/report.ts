/** Takes one measured row. */
export type Report = (row: Readonly<Record<string, unknown>>) => void

/** Runs one measurement; what it throws becomes a row too, so that the others go on. */
export async function attempt(report: Report, row: Readonly<Record<string, unknown>>, work: () => Promise<object>): Promise<void> {
  try {
    report({ ...row, ...(await work()) })
  } catch (error) {
    report({ ...row, error: error instanceof Error ? error.message.slice(0, 500) : String(error) })
  }
}

export const round = (value: number, digits = 3): number => Number(value.toPrecision(digits))
