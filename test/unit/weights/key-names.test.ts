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
