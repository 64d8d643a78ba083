import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import { invalidRequestError, messageOf } from '../util/errors.ts'
import { strftime } from './strftime.ts'
import { createTemplateBudget, findUses, type TemplateBudget, templateLimits } from './template-budget.ts'

type Program = ReturnType<typeof parse>
type Statement = Parameters<Interpreter['evaluate']>[0]
type RuntimeValue = ReturnType<Interpreter['evaluate']>

/** What a chat template is rendered with. Names are transformers' and vLLM's. */
export interface ChatTemplateInput {
  messages: readonly object[]
  /** OpenAI tool definitions. Default none. */
  tools?: readonly object[] | undefined
  /** Ends the text with the opening of an assistant turn. */
  add_generation_prompt: boolean
  /** Ends the text with the text of the last message, its turn left open. Default false. */
  continue_final_message?: boolean | undefined
  bos_token?: string | undefined
  eos_token?: string | undefined
  /** Further variables (`add_vision_id`, `date_string`, `pad_token`, …). They cannot replace the fields above. */
  chat_template_kwargs?: Readonly<Record<string, unknown>> | undefined
  /** What strftime_now() takes for now, in UTC. Default 26 July 2024, the date Llama's templates fall back to, so that a prompt never changes by itself. */
  now?: Date | undefined
}

const defaultNow = new Date(Date.UTC(2024, 6, 26))

/** An error whose message is already meant for the caller. */
class TemplateError extends Error {}

const tooMuch = (what: string): TemplateError =>
  new TemplateError(`The chat template ${what}, which is not allowed; shorten the conversation or use another chat_template.`)

/** The library's interpreter has no limits of its own: every node passes through here and is counted. */
class BudgetedInterpreter extends Interpreter {
  readonly #budget: TemplateBudget
  #depth = 0

  constructor(environment: Environment, program: Program) {
    super(environment)
    this.#budget = createTemplateBudget(findUses(program), tooMuch)
  }

  override evaluate(statement: Statement, environment: Environment): RuntimeValue {
    // Not left to the stack: the library takes an overflow while it looks up a variable for an undefined variable.
    if (++this.#depth > templateLimits.depth) throw tooMuch('nests too deeply')
    try {
      const value = super.evaluate(statement, environment)
      if (statement) this.#budget.charge(statement, value)
      return value
    } finally {
      this.#depth--
    }
  }
}

/** Python's range, of limited length. */
function range(...args: unknown[]): number[] {
  const [first, second, step = 1] = args
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  const whole = (value: unknown): value is number => Number.isSafeInteger(value)
  if (!whole(start) || !whole(stop) || !whole(step) || step === 0) {
    throw new TemplateError('The chat template calls range() with something else than whole numbers and a step other than 0.')
  }
  const count = Math.max(0, Math.ceil((stop - start) / step))
  if (count > templateLimits.range) throw tooMuch(`calls range() for ${count} numbers, more than ${templateLimits.range}`)
  return Array.from({ length: count }, (_, i) => start + i * step)
}

function makeGlobals(now: Date): Environment {
  const globals = new Environment()
  for (const [name, value] of Object.entries({ true: true, false: false, none: null, True: true, False: false, None: null })) {
    globals.set(name, value)
  }
  globals.set('range', range)
  globals.set('strftime_now', (format: unknown) => strftime(now, typeof format === 'string' ? format : '%Y-%m-%d'))
  globals.set('raise_exception', (message: unknown) => {
    throw new TemplateError(`The chat template refused the messages: ${typeof message === 'string' ? message : 'no reason given'}`)
  })
  return globals
}

function run(template: string, variables: Record<string, unknown>, now: Date): string {
  const program = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }))
  // Variables live in a scope of their own, so that one may hide a global of the same name.
  const scope = new Environment(makeGlobals(now))
  for (const [name, value] of Object.entries(variables)) scope.set(name, value)
  const text = new BudgetedInterpreter(scope, program).run(program).value
  if (typeof text !== 'string') throw new Error('it gave no text')
  return text
}

/** Everything that can go wrong in a template is the request's fault: an InvalidRequestError. */
function runSafely(template: string, variables: Record<string, unknown>, now: Date): string {
  if (template.length > templateLimits.source) throw invalidRequestError(tooMuch(`has ${template.length} characters`).message)
  try {
    return run(template, variables, now)
  } catch (error) {
    if (error instanceof TemplateError) throw invalidRequestError(error.message)
    // A full stack, or a text longer than the engine can hold.
    if (error instanceof RangeError) throw invalidRequestError(tooMuch('nests too deeply or makes too long a text').message)
    // The library throws break and continue as errors without a message.
    const reason = messageOf(error) || 'break or continue outside of a loop'
    throw invalidRequestError(`The chat template cannot be rendered: ${reason}. Check the messages, or pass another chat_template.`)
  }
}

// The space at its end shows whether the template trims messages. No template should meet this text.
const marker = '\u{F8FF}continue-here\u{F8FF} '

/** The messages with the marker after the last text of the last one. */
function markEnd(messages: readonly object[]): object[] {
  const last = messages.at(-1) as { content?: unknown } | undefined
  const content = last?.content
  let marked: unknown
  if (typeof content === 'string') marked = content + marker
  else if (Array.isArray(content)) {
    const index = content.findLastIndex((part) => typeof part?.text === 'string')
    if (index >= 0) marked = content.with(index, { ...content[index], text: content[index].text + marker })
  }
  if (marked === undefined) {
    throw invalidRequestError(
      'continue_final_message is set but the last message has no text to continue; give it text or unset the option.',
    )
  }
  return [...messages.slice(0, -1), { ...last, content: marked }]
}

function cutAtMarker(text: string): string {
  const at = text.lastIndexOf(marker.trimEnd())
  if (at < 0) {
    throw invalidRequestError('continue_final_message is set but the chat template does not write the last message; unset the option.')
  }
  return text.startsWith(marker, at) ? text.slice(0, at) : text.slice(0, at).trimEnd()
}

/**
 * Renders a conversation with a Jinja chat template as transformers does, in at most 100 000 steps and 4 million characters.
 * Throws InvalidRequestError, with the template's own message where it raises one, for a template that is not valid, fails or
 * exceeds the limits, and for continue_final_message together with add_generation_prompt.
 */
export function renderChat(template: string, input: ChatTemplateInput): string {
  const { messages, tools, add_generation_prompt, continue_final_message = false, bos_token, eos_token, now = defaultNow } = input
  if (continue_final_message && add_generation_prompt) {
    throw invalidRequestError('continue_final_message and add_generation_prompt are both true; only one can be. Set one of them to false.')
  }
  // tools and documents are None, not undefined, when there are none: templates test `is not none`.
  const variables = {
    documents: null,
    ...(bos_token === undefined ? {} : { bos_token }),
    ...(eos_token === undefined ? {} : { eos_token }),
    ...input.chat_template_kwargs,
    messages: continue_final_message ? markEnd(messages) : messages,
    tools: tools ?? null,
    add_generation_prompt,
  }
  const text = runSafely(template, variables, now)
  return continue_final_message ? cutAtMarker(text) : text
}
