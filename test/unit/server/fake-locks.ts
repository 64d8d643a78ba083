/** Web Locks for Node: exclusive locks, granted in order. */
export class FakeLocks {
  readonly #queues = new Map<string, (() => void)[]>()

  async request<T>(name: string, callback: () => T | Promise<T>): Promise<T> {
    const queue = this.#queues.get(name)
    if (queue) await new Promise<void>((granted) => queue.push(granted))
    else this.#queues.set(name, [])
    try {
      return await callback()
    } finally {
      const next = this.#queues.get(name)?.shift()
      if (next) next()
      else this.#queues.delete(name)
    }
  }

  async query(): Promise<LockManagerSnapshot> {
    return { held: [...this.#queues.keys()].map((name) => ({ name, mode: 'exclusive', clientId: '' })), pending: [] }
  }

  /** Takes a lock, and gives the way to let go of it. */
  hold(name: string): () => void {
    let release = (): void => {}
    void this.request(name, () => new Promise<void>((resolve) => (release = resolve)))
    return () => release()
  }

  /** This as the platform's, of which the tested code uses no more. */
  get manager(): Pick<LockManager, 'request' | 'query'> {
    return this as unknown as LockManager
  }
}
