import { showValue } from '../../util/show-value.ts'
import { badField, isRecord, type ToolDefinition } from './tool-definitions.ts'

/** What the model may do: no calls, its own choice, at least one call, or a call of this tool. */
export type ToolChoice = 'none' | 'auto' | 'required' | { tool: ToolDefinition }

function readNamed(choice: Record<string, unknown>, tools: readonly ToolDefinition[]): ToolChoice {
  const named = choice['function']
  if (choice['type'] !== 'function' || !isRecord(named) || typeof named['name'] !== 'string') {
    throw badField('tool_choice', `is ${showValue(choice)}; an object must be { type: "function", function: { name } }.`)
  }
  const name = named['name']
  const tool = tools.find((candidate) => candidate.name === name)
  if (tool === undefined) {
    const known = tools.map((candidate) => `"${candidate.name}"`).join(', ')
    throw badField('tool_choice.function.name', `is ${showValue(name)}, which is not in tools (${known || 'none given'}).`)
  }
  return { tool }
}

/** Reads a request's `tool_choice`. Default 'auto' with tools, 'none' without. Throws InvalidRequestError that names the field. */
export function readToolChoice(choice: unknown, tools: readonly ToolDefinition[]): ToolChoice {
  if (choice === undefined || choice === null) return tools.length > 0 ? 'auto' : 'none'
  if (isRecord(choice)) return readNamed(choice, tools)
  if (choice !== 'none' && choice !== 'auto' && choice !== 'required') {
    throw badField(
      'tool_choice',
      `is ${showValue(choice)}; allowed are "none", "auto", "required" and { type: "function", function: { name } }.`,
    )
  }
  if (tools.length > 0) return choice
  if (choice === 'required') throw badField('tool_choice', 'is "required", but there are no tools to call; give tools or leave it out.')
  return 'none'
}
