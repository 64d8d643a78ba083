import { showValue } from '../../util/show-value.ts'
import { wrongField } from '../errors.ts'

/** A tool of a request, checked. */
export interface ToolDefinition {
  name: string
  /** JSON Schema of the arguments; undefined for a function that takes none. */
  parameters: Record<string, unknown> | undefined
  /** As it was given, which is what chat templates get. */
  given: Record<string, unknown>
}

/** An InvalidRequestError that names the field of the request, for `param` of OpenAI's error object. */
export const badField = (param: string, problem: string): Error => wrongField(param, `${param} ${problem}`)

/** Whether a value is an object with keys. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function readParameters(param: string, value: unknown): Record<string, unknown> | undefined {
  if (value === undefined || value === null) return undefined
  if (!isRecord(value)) throw badField(param, `is ${showValue(value)}; it must be a JSON Schema of type "object", or be left out.`)
  const { type } = value
  if (type !== undefined && type !== 'object') {
    throw badField(`${param}.type`, `is ${showValue(type)}, but the arguments of a function are an object; use type "object".`)
  }
  return Object.keys(value).length > 0 ? value : undefined
}

function readTool(param: string, tool: unknown): ToolDefinition {
  if (!isRecord(tool)) throw badField(param, `is ${showValue(tool)}; a tool is { type: "function", function: { name, … } }.`)
  if (tool['type'] !== 'function') throw badField(`${param}.type`, `is ${showValue(tool['type'])}; only "function" is known.`)
  const given = tool['function']
  if (!isRecord(given)) throw badField(`${param}.function`, `is ${showValue(given)}; it must be { name, description?, parameters? }.`)
  const { name, description } = given
  if (typeof name !== 'string' || !/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
    throw badField(`${param}.function.name`, `is ${showValue(name)}; it must have 1 to 64 letters, digits, underscores and dashes.`)
  }
  if (description !== undefined && description !== null && typeof description !== 'string') {
    throw badField(`${param}.function.description`, `is ${showValue(description)}; it must be a text.`)
  }
  return { name, parameters: readParameters(`${param}.function.parameters`, given['parameters']), given: tool }
}

/** Reads a request's `tools`; an empty list is none. Throws InvalidRequestError that names the field. */
export function readTools(tools: unknown): ToolDefinition[] {
  if (tools === undefined || tools === null) return []
  if (!Array.isArray(tools)) throw badField('tools', `is ${showValue(tools)}; it must be a list.`)
  const read = tools.map((tool, i) => readTool(`tools[${i}]`, tool))
  const names = read.map(({ name }) => name)
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i)
  if (twice >= 0) throw badField(`tools[${twice}].function.name`, `is "${names[twice]}" like another tool's; names must be unique.`)
  return read
}
