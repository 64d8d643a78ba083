import { byId, make } from './dom.ts'

/** A picture on its way into a question. */
export interface Picture {
  blob: Blob
  /** For <img>; lives as long as the page. */
  url: string
}

/** The pictures that go with the next question: dropped, pasted, chosen or an example. */
export class Tray {
  readonly #element = byId('tray', 'div')
  readonly #onChange: () => void
  #pictures: Picture[] = []

  constructor(onChange: () => void) {
    this.#onChange = onChange
    this.#listen()
  }

  get pictures(): readonly Picture[] {
    return this.#pictures
  }

  add(blobs: Iterable<Blob>): void {
    for (const blob of blobs) this.#pictures.push({ blob, url: URL.createObjectURL(blob) })
    this.#show()
  }

  /** Gives the pictures away. */
  take(): Picture[] {
    const taken = this.#pictures
    this.#pictures = []
    this.#show()
    return taken
  }

  #show(): void {
    this.#element.hidden = this.#pictures.length === 0
    this.#element.replaceChildren(
      ...this.#pictures.map((picture) => {
        const remove = (): void => {
          this.#pictures = this.#pictures.filter((each) => each !== picture)
          this.#show()
        }
        const button = make('button', { type: 'button', title: 'Remove', ariaLabel: 'Remove picture', onclick: remove }, '×')
        return make('div', { className: 'thumb' }, make('img', { src: picture.url, alt: '' }), button)
      }),
    )
    this.#onChange()
  }

  #listen(): void {
    const files = byId('files', 'input')
    byId('attach', 'button').onclick = () => files.click()
    files.onchange = () => {
      this.add(files.files ?? [])
      files.value = ''
    }
    document.addEventListener('paste', (event) => {
      const pasted = [...(event.clipboardData?.files ?? [])]
      if (pasted.length > 0) event.preventDefault()
      this.add(pasted)
    })
    let depth = 0
    const mark = (change: number): void => {
      depth += change
      document.body.classList.toggle('dragging', depth > 0)
    }
    document.addEventListener('dragenter', () => mark(1))
    document.addEventListener('dragleave', () => mark(-1))
    document.addEventListener('dragover', (event) => event.preventDefault())
    document.addEventListener('drop', (event) => {
      event.preventDefault()
      mark(-depth)
      this.add(event.dataTransfer?.files ?? [])
    })
  }
}

interface Example {
  pictures: readonly URL[]
  question: string
}

const examples: readonly Example[] = [
  { pictures: [new URL('./pictures/shapes.png', import.meta.url)], question: 'Describe the picture.' },
  { pictures: [new URL('./pictures/animals.png', import.meta.url)], question: 'What is to the right of the dog?' },
  { pictures: [new URL('./pictures/sign.png', import.meta.url)], question: 'What does the sign say?' },
  { pictures: [new URL('./pictures/fruit.png', import.meta.url)], question: 'How many apples are there?' },
  { pictures: [new URL('./pictures/chart.png', import.meta.url)], question: 'Which bar is the highest?' },
  {
    pictures: [new URL('./pictures/before.png', import.meta.url), new URL('./pictures/after.png', import.meta.url)],
    question: 'What changed?',
  },
]

/** Shows the example pictures; a click hands over its pictures and a question that fits. */
export function showExamples(onChoose: (pictures: Blob[], question: string) => void): void {
  const load = async (url: URL): Promise<Blob> => (await fetch(url)).blob()
  byId('examples', 'div').replaceChildren(
    ...examples.map(({ pictures, question }) => {
      const choose = async (): Promise<void> => onChoose(await Promise.all(pictures.map(load)), question)
      const images = pictures.map(({ href }) => make('img', { src: href, alt: '' }))
      const row = make('span', { className: 'pair' }, ...images)
      return make('button', { type: 'button', className: 'example', onclick: () => void choose() }, row, make('span', {}, question))
    }),
  )
}
