import { describe, expect, it } from 'vitest'
import { joinParts } from '../../../src/engine/model-parts.ts'
import type { AnyFamily } from '../../../src/models/family.ts'
import { openCheckpoint } from '../../../src/weights/checkpoint.ts'
import type { ModelSource } from '../../../src/weights/model-source.ts'
import { openSource } from '../../../src/weights/source.ts'
import { byteTensors } from '../weights/make-safetensors.ts'

/** A family whose ears may lie elsewhere. */
const family = {
  parts: ({ ear_id: id }: { ear_id?: string }) => (id ? [{ id, configKey: 'ear_config', prefix: 'ear.' }] : []),
} as unknown as AnyFamily

/** A file of a picked folder. */
const file = (path: string, content: string | Uint8Array<ArrayBuffer>): File =>
  Object.defineProperty(new File([content], path.split('/').at(-1) as string), 'webkitRelativePath', { value: path })

const weights = (...names: string[]): Uint8Array<ArrayBuffer> => byteTensors(Object.fromEntries(names.map((name) => [name, name.length])))

const ear = (folder: string): File[] => [
  file(`${folder}/config.json`, '{"size":3,"layers":1}'),
  file(`${folder}/model.safetensors`, weights('drum', 'hammer')),
]

async function join(config: Record<string, unknown>, files: File[], own: string[] = ['mouth']) {
  const source = openSource([file('model/config.json', JSON.stringify(config)), file('model/model.safetensors', weights(...own)), ...files])
  const asked: string[] = []
  const openId = (id: string): ModelSource => {
    asked.push(id)
    return openSource(ear('hub'))
  }
  const joined = await joinParts(family, config, await openCheckpoint(source), { source, openId, signal: new AbortController().signal })
  return { ...joined, asked }
}

describe('joinParts', () => {
  it('leaves a model alone that names no parts', async () => {
    const { config, checkpoint, asked } = await join({ a: 1 }, [])
    expect(config).toEqual({ a: 1 })
    expect([...checkpoint.tensors.keys()]).toEqual(['mouth'])
    expect(asked).toEqual([])
  })

  it('takes a part from a folder inside the model’s own, and reads from both', async () => {
    const { config, checkpoint, asked } = await join({ ear_id: 'parts/ear' }, ear('model/parts/ear'))
    expect(config['ear_config']).toEqual({ size: 3, layers: 1 })
    expect(asked).toEqual([])
    expect([...checkpoint.tensors.keys()].sort()).toEqual(['ear.drum', 'ear.hammer', 'mouth'])
    expect(checkpoint.files.map(({ name }) => name)).toEqual(['model.safetensors', 'parts/ear/model.safetensors'])
    const read: Record<string, number> = {}
    const told = new Set<string>()
    const wanted = ['ear.hammer', 'mouth'].map((name) => ({ name, rowBytes: 1 }))
    await checkpoint.streamTensors(
      wanted,
      (name, _at, bytes) => {
        read[name] = bytes.length
      },
      { onProgress: (name) => told.add(name) },
    )
    expect(read).toEqual({ 'ear.hammer': 6, mouth: 5 })
    expect([...told].sort()).toEqual(['model.safetensors', 'parts/ear/model.safetensors'])
  })

  it('takes it from the Hub where there is no such folder; the model’s own words on it come first', async () => {
    const { config, checkpoint, asked } = await join({ ear_id: 'someone/ear', ear_config: { layers: 2 } }, [])
    expect(asked).toEqual(['someone/ear'])
    expect(config['ear_config']).toEqual({ size: 3, layers: 2 })
    expect(checkpoint.tensors.get('ear.drum')?.file).toBe('someone/ear/model.safetensors')
  })

  it('asks for nothing that is there already', async () => {
    const whole = await join({ ear_id: 'someone/ear', ear_config: { layers: 2 } }, [], ['mouth', 'ear.drum'])
    expect(whole.asked).toEqual([])
    const weightsOnly = await join({ ear_id: 'someone/ear' }, [], ['mouth', 'ear.drum'])
    expect(weightsOnly.config['ear_config']).toEqual({ size: 3, layers: 1 })
    expect([...weightsOnly.checkpoint.tensors.keys()]).toEqual(['mouth', 'ear.drum'])
  })

  it('says what is wrong with an id that is neither', async () => {
    await expect(join({ ear_id: 'a/b/c' }, [])).rejects.toThrow('names "a/b/c" for its ear_config, which is neither a folder of')
  })

  it('says which tensors nobody has', async () => {
    const { checkpoint } = await join({ ear_id: 'parts/ear' }, ear('model/parts/ear'))
    await expect(checkpoint.streamTensors([{ name: 'nose', rowBytes: 1 }], () => undefined)).rejects.toThrow("'nose'")
  })
})
