import type { LLM } from '../src/index.ts'
import { Conversation, type Figures } from './conversation.ts'
import { byId } from './dom.ts'
import { EndpointLine } from './endpoint.ts'
import { ModelPanel } from './model-panel.ts'
import { showExamples, Tray } from './pictures.ts'

const EMBEDDED = 'ocellus-tiny-vl'

const question = byId('question', 'textarea')
const send = byId('send', 'button')
const stop = byId('stop', 'button')
const clear = byId('clear', 'button')
const figures = byId('figures', 'p')

let model: LLM | undefined
let busy = false

const conversation = new Conversation()
const tray = new Tray(update)
const endpoint = new EndpointLine()
const panel = new ModelPanel((llm) => {
  model = llm
  conversation.stop()
  void endpoint.offer(llm)
  update()
})

/** Buttons follow what is possible now. */
function update(): void {
  send.disabled = !model || busy || (question.value.trim() === '' && tray.pictures.length === 0)
  send.hidden = busy
  stop.hidden = !busy
  clear.hidden = conversation.isEmpty
}

async function ask(): Promise<void> {
  if (send.disabled || !model) return
  const text = question.value.trim() || question.placeholder
  question.value = ''
  busy = true
  const asking = conversation.ask(model, tray.take(), text)
  update()
  const result = await asking
  busy = false
  if (result) figures.textContent = inWords(result)
  update()
  question.focus()
}

function inWords({ first, tokensPerSecond, tokens, promptTokens }: Figures): string {
  const speed = tokensPerSecond === undefined ? [] : [`${tokensPerSecond.toFixed(1)} tokens/s`]
  return [`first token after ${(first / 1000).toFixed(2)} s`, ...speed, `${promptTokens} tokens read, ${tokens} written`].join(' · ')
}

byId('composer', 'form').onsubmit = (event) => {
  event.preventDefault()
  void ask()
}
question.oninput = update
question.onkeydown = (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault()
    void ask()
  }
}
stop.onclick = () => conversation.stop()
clear.onclick = () => {
  conversation.clear()
  figures.textContent = ''
  update()
}
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') conversation.stop()
})

showExamples((pictures, text) => {
  tray.add(pictures)
  question.value = text
  update()
  void ask()
})

// Another model by the page's address: ?model=Qwen/Qwen2-VL-2B-Instruct
const wanted = new URLSearchParams(location.search).get('model')
update()
void panel.load(wanted ? { model: wanted, label: wanted } : { model: new URL(`./models/${EMBEDDED}/`, location.href), label: EMBEDDED })
