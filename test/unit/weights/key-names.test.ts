import { describe, expect, it } from 'vitest'
import { canonicalName, canonicalNames, isUnused } from '../../../src/weights/key-names.ts'
import { thrown } from './thrown.ts'

describe('tensor names of qwen2_vl', () => {
  it.each([
    ['model.language_model.embed_tokens.weight', 'model.embed_tokens.weight'],
    ['model.language_model.layers.0.self_attn.q_proj.bias', 'model.layers.0.self_attn.q_proj.bias'],
    ['model.language_model.norm.weight', 'model.norm.weight'],
    ['model.visual.blocks.31.attn.qkv.weight', 'visual.blocks.31.attn.qkv.weight'],
    ['model.visual.merger.mlp.2.bias', 'visual.merger.mlp.2.bias'],
    ['lm_head.weight', 'lm_head.weight'],
    ['model.layers.0.mlp.down_proj.weight', 'model.layers.0.mlp.down_proj.weight'],
    ['visual.patch_embed.proj.weight', 'visual.patch_embed.proj.weight'],
    ['model.visually.x', 'model.visually.x'],
  ])('%s is %s', (stored, canonical) => {
    expect(canonicalName('qwen2_vl', stored)).toBe(canonical)
  })

  it('leads from the original name to the stored one', () => {
    const names = canonicalNames('qwen2_vl', ['model.language_model.norm.weight', 'visual.a'])
    expect([...names]).toEqual([
      ['model.norm.weight', 'model.language_model.norm.weight'],
      ['visual.a', 'visual.a'],
    ])
  })

  it('refuses a checkpoint that has a tensor by both names', async () => {
    const error = await thrown(Promise.resolve().then(() => canonicalNames('qwen2_vl', ['model.visual.a', 'visual.a'])))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toContain("'visual.a' twice, as 'model.visual.a' and as 'visual.a'")
  })

  it.each([
    ['model.layers.3.self_attn.rotary_emb.inv_freq', false, true],
    ['visual.embeddings.position_ids', false, true],
    ['lm_head.weight', true, true],
    ['lm_head.weight', false, false],
    ['model.norm.weight', true, false],
    ['visual.post_layernorm.weight', true, false],
  ])('%s (tied head: %s) may be left unread: %s', (name, tied, unused) => {
    expect(isUnused('qwen2_vl', name, tied)).toBe(unused)
  })

  it('keeps the names of families it does not know', () => {
    expect(canonicalName('constructor', 'model.visual.a')).toBe('model.visual.a')
  })
})

describe('tensor names of llava', () => {
  it.each([
    ['language_model.model.layers.0.mlp.up_proj.weight', 'language_model.model.layers.0.mlp.up_proj.weight'],
    ['model.language_model.layers.0.mlp.up_proj.weight', 'language_model.model.layers.0.mlp.up_proj.weight'],
    ['lm_head.weight', 'language_model.lm_head.weight'],
    ['model.vision_tower.vision_model.pre_layrnorm.bias', 'vision_tower.vision_model.pre_layrnorm.bias'],
    ['model.vision_tower.pre_layrnorm.bias', 'vision_tower.vision_model.pre_layrnorm.bias'],
    ['model.multi_modal_projector.linear_1.bias', 'multi_modal_projector.linear_1.bias'],
    ['multi_modal_projector.linear_1.bias', 'multi_modal_projector.linear_1.bias'],
  ])('%s is %s', (stored, canonical) => {
    expect(canonicalName('llava', stored)).toBe(canonical)
  })

  it('may leave the head unread where the embedding serves as one', () => {
    expect(isUnused('llava', 'language_model.lm_head.weight', true)).toBe(true)
    expect(isUnused('llava', 'language_model.lm_head.weight', false)).toBe(false)
  })
})

describe('tensor names of ultravox', () => {
  it.each([
    ['audio_tower.model.encoder.conv1.weight', 'audio_tower.conv1.weight'],
    ['audio_tower.encoder.conv1.weight', 'audio_tower.conv1.weight'],
    ['model.audio_tower.layers.0.fc1.bias', 'audio_tower.layers.0.fc1.bias'],
    ['model.multi_modal_projector.ln_pre.weight', 'multi_modal_projector.ln_pre.weight'],
    ['model.language_model.layers.0.mlp.up_proj.weight', 'language_model.model.layers.0.mlp.up_proj.weight'],
    ['lm_head.weight', 'language_model.lm_head.weight'],
    ['language_model.model.norm.weight', 'language_model.model.norm.weight'],
  ])('%s is %s', (stored, canonical) => {
    expect(canonicalName('ultravox', stored)).toBe(canonical)
  })

  it.each([
    ['audio_tower.model.decoder.layers.0.fc1.weight', true],
    ['audio_tower.proj_out.weight', true],
    ['audio_tower.layers.0.fc1.weight', false],
    ['language_model.model.norm.weight', false],
  ])('%s may be left unread: %s', (name, unused) => {
    expect(isUnused('ultravox', name, false)).toBe(unused)
  })
})

describe('tensor names of minicpmv', () => {
  it.each([
    ['resampler.attn.in_proj_weight', 'resampler.attn.in_proj.weight'],
    ['resampler.attn.in_proj_bias', 'resampler.attn.in_proj.bias'],
    ['resampler.attn.out_proj.weight', 'resampler.attn.out_proj.weight'],
    ['resampler.proj', 'resampler.proj.weight'],
    ['llm.model.norm.weight', 'llm.model.norm.weight'],
  ])('%s is %s', (stored, canonical) => {
    expect(canonicalName('minicpmv', stored)).toBe(canonical)
  })

  it('may leave a tied head and computed positions unread', () => {
    expect(isUnused('minicpmv', 'llm.lm_head.weight', true)).toBe(true)
    expect(isUnused('minicpmv', 'llm.lm_head.weight', false)).toBe(false)
    expect(isUnused('minicpmv', 'vpm.embeddings.position_ids', false)).toBe(true)
  })
})
