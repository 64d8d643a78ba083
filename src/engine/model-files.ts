import type { ModelFiles } from '../models/family.ts'
import type { ChatTemplateSources } from '../text/chat-template-source.ts'
import { createTokenizer, type Tokenizer } from '../text/tokenizer.ts'
import { modelLoadError } from '../util/errors.ts'
import type { ModelSource } from '../weights/model-source.ts'

/** The small files beside a checkpoint, read and parsed. */
export interface LoadedFiles extends ModelFiles {
  readonly tokenizer: Tokenizer
  readonly templates: ChatTemplateSources
}

/** Told when a file begins and when it has been read. */
export type FileEvents = (file: string, state: 'begin' | 'end') => void

/** Reads config, processor, tokenizer and template files. Errors: ModelLoadError naming the file that is missing or damaged. */
export async function readModelFiles(source: ModelSource, chatTemplate: string | undefined, events: FileEvents): Promise<LoadedFiles> {
  const reading = async <T>(file: string, read: () => Promise<T>): Promise<T> => {
    events(file, 'begin')
    const value = await read()
    events(file, 'end')
    return value
  }
  const needed = (file: string) => reading(file, () => source.json(file))
  const optional = async (file: string) => ((await source.exists(file)) ? needed(file) : undefined)
  const config = asObject('config.json', await needed('config.json'))
  const [
    generationConfig,
    preprocessorConfig,
    videoPreprocessorConfig,
    processorConfig,
    tokenizerJson,
    tokenizerConfig,
    chatTemplateJson,
    chatTemplateJinja,
  ] = await Promise.all([
    optional('generation_config.json'),
    optional('preprocessor_config.json'),
    optional('video_preprocessor_config.json'),
    optional('processor_config.json'),
    needed('tokenizer.json'),
    optional('tokenizer_config.json'),
    optional('chat_template.json'),
    source
      .exists('chat_template.jinja')
      .then((there) => (there ? reading('chat_template.jinja', () => source.text('chat_template.jinja')) : undefined)),
  ])
  return {
    config: config as Readonly<Record<string, unknown>>,
    generationConfig: asObject('generation_config.json', generationConfig),
    preprocessorConfig: asObject('preprocessor_config.json', preprocessorConfig),
    videoPreprocessorConfig: asObject('video_preprocessor_config.json', videoPreprocessorConfig),
    processorConfig: asObject('processor_config.json', processorConfig),
    tokenizer: createTokenizer(tokenizerJson, tokenizerConfig),
    templates: { chatTemplate, chatTemplateJinja, chatTemplateJson, tokenizerConfig },
  }
}

function asObject(file: string, value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  throw modelLoadError(`${file} holds no JSON object; use the file of the model's own repository.`)
}
