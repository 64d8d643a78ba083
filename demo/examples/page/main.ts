import { byId, make } from '../../dom.ts'
import { catalogue, type Entry } from './catalogue.ts'
import { highlight } from './highlight.ts'
import { RunPanel } from './run-panel.ts'
import { readSource } from './sources.ts'

const entries = catalogue.flatMap((group) => group.entries)
const chooser = byId('chooser', 'select')
const panel = new RunPanel()

function showList(): void {
  const list = byId('list', 'nav')
  for (const { title, entries } of catalogue) {
    const links = entries.map(({ name, title }) => make('li', {}, make('a', { href: `#${name}` }, title)))
    list.append(make('h3', {}, title), make('ul', {}, ...links))
    chooser.append(make('optgroup', { label: title }, ...entries.map(({ name, title }) => make('option', { value: name }, title))))
  }
}

function showMedia(addresses: readonly string[]): void {
  const elements = addresses.map((src) => {
    if (/^data:audio|\.wav$/.test(src)) return make('audio', { src, controls: true })
    if (/^data:video|\.webm$/.test(src)) return make('video', { src, controls: true, muted: true, loop: true })
    return make('img', { src, alt: 'A picture that the example uses' })
  })
  byId('media', 'div').replaceChildren(...elements)
  byId('media', 'div').hidden = elements.length === 0
}

/** Shows the example that the address names, or else the first. */
function show(): void {
  const wanted = location.hash.slice(1)
  const { name, title } = entries.find((entry) => entry.name === wanted) ?? (entries[0] as Entry)
  const source = readSource(name)
  byId('title', 'h2').textContent = title
  byId('summary', 'p').textContent = source.summary
  document.title = `${title} · Examples · Ocellus`
  byId('source', 'code').replaceChildren(...highlight(source.code))
  showMedia(source.media)
  panel.show(name, source)
  chooser.value = name
  for (const link of document.querySelectorAll<HTMLAnchorElement>('#list a')) {
    if (link.hash !== `#${name}`) link.removeAttribute('aria-current')
    else {
      link.setAttribute('aria-current', 'page')
      link.scrollIntoView({ block: 'nearest' })
    }
  }
}

const copy = byId('copy', 'button')
copy.onclick = async () => {
  await navigator.clipboard.writeText(byId('source', 'code').textContent ?? '')
  copy.textContent = 'Copied'
  setTimeout(() => (copy.textContent = 'Copy'), 1500)
}
chooser.onchange = () => {
  location.hash = chooser.value
}
addEventListener('hashchange', () => {
  show()
  scrollTo({ top: 0 })
})
showList()
show()
