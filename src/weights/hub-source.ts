import { modelLoadError } from '../util/errors.ts'
import { httpSource } from './http-source.ts'
import type { Transport } from './http-transport.ts'
import type { ModelSource } from './model-source.ts'

/** Where on the Hub a model lies. */
export interface HubAddress {
  /** `owner/name` */
  readonly id: string
  /** Branch, tag or commit. Default 'main'. */
  readonly revision?: string | undefined
  /** Access token; sent to the endpoint's origin only. */
  readonly token?: string | undefined
  /** Default 'https://huggingface.co'. */
  readonly endpoint?: string | undefined
}

const HUB = 'https://huggingface.co'

/** Whether `model` has the form of a Hub id: owner and name of letters, digits, '-', '_' and '.'. */
export const isHubId = (model: string): boolean => /^[\w-][\w.-]{0,95}\/[\w-][\w.-]{0,95}$/.test(model)

/**
 * A model repository of the Hugging Face Hub (or a mirror with the same paths). A branch is pinned to the commit that the first answer
 * names, so that all files are of one commit.
 */
export function hubSource(address: HubAddress, transport: Transport): ModelSource {
  const { id, token } = address
  const endpoint = (address.endpoint ?? HUB).replace(/\/+$/, '')
  let revision = address.revision ?? 'main'
  const place = `${endpoint}/${id}@${revision}`
  const commit = (): string | undefined => (isCommit(revision) ? revision : undefined)
  return httpSource(
    {
      name: id,
      place,
      commit,
      // The Hub's ETags are made of content: another commit with the same weights has the same.
      identityOf: (path, { size, version }) => {
        const content = version ?? commit()
        return commit() === undefined ? undefined : `${endpoint}/${id} ${path} ${size} ${content}`
      },
      // Fetch itself drops the authorization header when the Hub redirects to another origin.
      urlOf: (path) => `${endpoint}/${id}/resolve/${encodeURIComponent(revision)}/${path.split('/').map(encodeURIComponent).join('/')}`,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      onAnswer({ headers }) {
        const told = headers.get('x-repo-commit')
        if (told !== null && isCommit(told)) revision = told
      },
      refusal: (path, { status, headers }) => refusal({ id, endpoint, revision, token }, path, status, headers.get('x-error-code')),
    },
    transport,
  )
}

const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision)

type Place = { id: string; endpoint: string; revision: string; token: string | undefined }

function refusal({ id, endpoint, revision, token }: Place, path: string, status: number, code: string | null): 'missing' | Error {
  const page = `${endpoint}/${id}`
  if (code === 'RevisionNotFound') return modelLoadError(`${id} has no revision '${revision}'; see the branches and tags at ${page}.`)
  if (code === 'EntryNotFound') return 'missing'
  if (code === 'RepoNotFound' || status === 401) {
    const advice =
      token === undefined ? 'If it is private or gated, pass a token with access to it (hf_token).' : 'The token given has no access to it.'
    return modelLoadError(`${id} was not found at ${endpoint} (status ${status}). Check its spelling. ${advice}`)
  }
  if (code === 'GatedRepo' || status === 403) {
    const advice = token === undefined ? 'then pass your token (hf_token)' : 'with the account that the token belongs to'
    return modelLoadError(`${id} is gated (status ${status}): accept its conditions at ${page}, ${advice}.`)
  }
  if (status === 404 || status === 410) return 'missing'
  return modelLoadError(`${id}: the Hub answered ${status} for '${path}'${code === null ? '' : ` (${code})`}.`)
}
