interface Waiting {
  readonly mode: LockMode
  grant(): void
}

interface Lock {
  shared: number
  exclusive: boolean
  queue: Waiting[]
}

/** Web Locks for Node: shared and exclusive ones, granted in order, with signals and ifAvailable. */
export class FakeLocks {
  readonly #locks = new Map<string, Lock>()
  /** Makes requests fail, as where a page may use no locks. */
  broken = false
  readonly granted: string[] = []

  readonly request = async (
    name: string,
    { mode = 'exclusive', signal, ifAvailable = false }: LockOptions,
    work: (lock: object | null) => Promise<unknown>,
  ): Promise<unknown> => {
    if (this.broken) throw new DOMException('no locks here', 'SecurityError')
    signal?.throwIfAborted()
    const lock = this.#locks.get(name) ?? { shared: 0, exclusive: false, queue: [] }
    this.#locks.set(name, lock)
    const free = lock.queue.length === 0 && !lock.exclusive && (mode === 'shared' || lock.shared === 0)
    if (!free && ifAvailable) return work(null)
    if (free) this.#enter(lock, mode)
    else await this.#wait(lock, mode, signal)
    this.granted.push(`${mode} ${name}`)
    try {
      return await work({ name, mode })
    } finally {
      if (mode === 'shared') lock.shared--
      else lock.exclusive = false
      this.#next(lock)
    }
  }

  #wait(lock: Lock, mode: LockMode, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { mode, grant: resolve }
      lock.queue.push(waiting)
      signal?.addEventListener('abort', () => {
        lock.queue = lock.queue.filter((each) => each !== waiting)
        reject(signal.reason)
      })
    })
  }

  #enter(lock: Lock, mode: LockMode): void {
    if (mode === 'shared') lock.shared++
    else lock.exclusive = true
  }

  #next(lock: Lock): void {
    for (;;) {
      const [first] = lock.queue
      if (!first || lock.exclusive || (first.mode === 'exclusive' && lock.shared > 0)) return
      lock.queue.shift()
      this.#enter(lock, first.mode)
      first.grant()
    }
  }

  /** This as the platform's, of which the tested code uses no more. */
  get manager(): Pick<LockManager, 'request'> {
    return this as unknown as Pick<LockManager, 'request'>
  }
}
