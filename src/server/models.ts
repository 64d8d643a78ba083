import type { Call } from './call.ts'
import { refusal } from './errors.ts'

/** The name that an answer gives the model: as the request called it. Errors: 404 model_not_found. */
export function nameOf({ models }: Pick<Call, 'models'>, asked: string | null | undefined): string {
  if (asked != null && !models.includes(asked)) throw modelNotFound(asked, models)
  return asked ?? models[0] ?? ''
}

const modelNotFound = (asked: string, models: readonly string[]): Error =>
  refusal(`There is no model ${JSON.stringify(asked)} here; there is ${models.map((name) => JSON.stringify(name)).join(', ')}.`, {
    status: 404,
    code: 'model_not_found',
    param: 'model',
  })

/** GET /v1/models. */
export const listModels = (call: Call): Response => Response.json({ object: 'list', data: call.models.map((id) => modelCard(call, id)) })

/** GET /v1/models/{id}; ids may have slashes, written as they are or as %2F. Errors: 404 model_not_found. */
export function retrieveModel(call: Call, id: string): Response {
  if (call.models.includes(id)) return Response.json(modelCard(call, id))
  throw modelNotFound(id, call.models)
}

const modelCard = ({ engine }: Call, id: string): object => ({
  id,
  object: 'model',
  created: engine.created,
  owned_by: 'ocellus',
  root: engine.info.model,
  parent: null,
  max_model_len: engine.info.max_model_len,
})
