import { badField, isRecord } from './tool-definitions.ts'

/** Arguments as an object, which is how chat templates write them. */
function readArguments(given: unknown): unknown {
  if (given === undefined || given === null || given === '') return {}
  if (typeof given !== 'string') return given
  try {
    return JSON.parse(given)
  } catch {
    // What a model wrote wrongly is part of the conversation: the template writes it as a text.
    return given
  }
}

function callForTemplate(call: unknown, param: string): unknown {
  const given = isRecord(call) ? call['function'] : undefined
  if (!isRecord(call) || !isRecord(given) || typeof given['name'] !== 'string') {
    throw badField(param, 'must be { id, type: "function", function: { name, arguments } }.')
  }
  return { ...call, function: { ...given, arguments: readArguments(given['arguments']) } }
}

/**
 * A message as chat templates want it (transformers' way, and vLLM's): `arguments` of its tool_calls parsed from JSON text into an
 * object, empty or missing tool_calls left out. Other messages come back as they are. `param` is what the message is called in errors
 * ('messages[3]'). Throws InvalidRequestError for tool_calls of another shape.
 */
export function toolCallsForTemplate<T extends object>(message: T, param = 'message'): T {
  if (!('tool_calls' in message)) return message
  const { tool_calls: calls, ...rest } = message as T & { tool_calls: unknown }
  if (calls === undefined || calls === null) return rest as T
  if (!Array.isArray(calls)) throw badField(`${param}.tool_calls`, 'must be a list.')
  if (calls.length === 0) return rest as T
  return { ...message, tool_calls: calls.map((call, i) => callForTemplate(call, `${param}.tool_calls[${i}]`)) }
}
