import type { ToolFormat } from '../../protocol/engine-api.ts'
import type { StructuredOutputs } from '../../protocol/sampling.ts'
import { showValue } from '../../util/show-value.ts'
import { toolFormatOf } from '../../util/tool-format.ts'
import { ArrayParser } from './array-parser.ts'
import { argumentsSchema, requiredSchema } from './call-schema.ts'
import type { CallOptions } from './call-writer.ts'
import { HermesParser } from './hermes-parser.ts'
import { JsonParser } from './json-parser.ts'
import { NamedParser } from './named-parser.ts'
import { TextParser } from './text-parser.ts'
import { readToolChoice, type ToolChoice } from './tool-choice.ts'
import { badField, readTools, type ToolDefinition } from './tool-definitions.ts'
import type { ToolCallParser } from './tool-delta.ts'

/** The fields of a chat request that matter to tools, unchecked, and what the model's chat template does with tools. */
export interface ToolRequest {
  tools?: unknown
  tool_choice?: unknown
  parallel_tool_calls?: unknown
  /** The request's own template decides in place of the model's. */
  chat_template?: unknown
  format: ToolFormat | null
}

/** What a chat request with tools comes to. */
export interface ToolPlan {
  /** For the chat template, as given. */
  templateTools: Record<string, unknown>[] | undefined
  /** The form that the answer is held to. */
  structured: StructuredOutputs | undefined
  /** Calls can be in the answer, and their tags may be special tokens, which must stay in the text (skip_special_tokens: false). */
  keepsSpecialTokens: boolean
  /** A parser for one of the request's answers. `makeId` makes ids of calls, random ones by default. */
  parser(makeId?: () => string): ToolCallParser
}

interface Answer {
  structured?: StructuredOutputs
  makeParser: (options: CallOptions) => ToolCallParser
}

function planAnswer(choice: ToolChoice, tools: readonly ToolDefinition[], parallel: boolean, format: ToolFormat | null): Answer {
  if (choice === 'none') return { makeParser: () => new TextParser() }
  const accepts = (name: string): boolean => tools.some((tool) => tool.name === name)
  if (choice === 'required') {
    return { structured: { json: requiredSchema(tools, parallel) }, makeParser: (options) => new ArrayParser({ ...options, accepts }) }
  }
  if (choice === 'auto') {
    // In hermes' tags a call is a call whatever its name: the caller sees best what to do with an unknown one.
    return { makeParser: (options) => (format === 'hermes' ? new HermesParser(options) : new JsonParser({ ...options, accepts })) }
  }
  const { tool } = choice
  return { structured: { json: argumentsSchema(tool) }, makeParser: (options) => new NamedParser(tool.name, options) }
}

/** A text without code is the name of one of the model's templates, and says nothing. */
const formatOf = (template: unknown, format: ToolFormat | null): ToolFormat | null =>
  typeof template === 'string' && /\{[{%]/.test(template) ? toolFormatOf(template) : format

/**
 * Reads `tools`, `tool_choice` and `parallel_tool_calls` of a chat request as vLLM does. With tool_choice 'none' the template gets the
 * tools all the same, which keeps the prompt's beginning what it was in the conversation's other requests; with 'auto' calls are read
 * from free text in the template's format; 'required' and a named tool hold the answer to the tools' schemas. parallel_tool_calls: false
 * leaves every call but the first out. Throws InvalidRequestError, with the field's name in `param`.
 */
export function planTools(request: ToolRequest): ToolPlan {
  const tools = readTools(request.tools)
  const choice = readToolChoice(request.tool_choice, tools)
  const format = formatOf(request.chat_template, request.format)
  const parallel = request.parallel_tool_calls ?? true
  if (typeof parallel !== 'boolean') throw badField('parallel_tool_calls', `is ${showValue(parallel)}; it must be true or false.`)
  if (choice !== 'none' && format === null) {
    throw badField(
      'tools',
      'are given, but the chat template takes no tools. Leave them out, load a model that was trained for tools, ' +
        'or pass a chat_template that writes them into the prompt.',
    )
  }
  const { structured, makeParser } = planAnswer(choice, tools, parallel, format)
  return {
    templateTools: tools.length > 0 && format !== null ? tools.map((tool) => tool.given) : undefined,
    structured,
    keepsSpecialTokens: choice === 'auto',
    parser: (makeId) => makeParser({ ...(makeId ? { makeId } : {}), ...(parallel ? {} : { maxCalls: 1 }) }),
  }
}
