/** The element with this id. */
export function byId<K extends keyof HTMLElementTagNameMap>(id: string, tag: K): HTMLElementTagNameMap[K] {
  const found = document.getElementById(id)
  if (!found || found.localName !== tag) throw new Error(`the page has no <${tag} id="${id}">`)
  return found as HTMLElementTagNameMap[K]
}

/** A new element with properties and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...children)
  return element
}

/** An error in words for people: its name says what kind, its message what to do. */
export function explain(error: unknown): string {
  const { name, message } = error as Error
  const kinds: Readonly<Record<string, string>> = {
    WebGPUUnavailableError: 'No WebGPU here. ',
    ModelLoadError: 'The model could not be loaded. ',
    MediaError: 'A picture could not be read. ',
    ContextLengthError: 'The conversation is too long. ',
    DeviceLostError: 'The GPU was lost. ',
  }
  return `${kinds[name] ?? ''}${message || name}`
}
