"""A compact Qwen2-VL for training; its weights map one to one to the Hugging Face layout.

All pictures of a batch lie end to end on one axis of patches, all conversations on one axis of tokens; attention keeps to spans.
Weights and residual stream are float32, matrix products bfloat16 under autocast.
"""
from dataclasses import dataclass
import torch
import torch.nn as nn
import torch.nn.functional as F
from frame import CLASSES, COLOR_CLASSES
from layers import Attention, FirstWeights

HEAD = 64


@dataclass(frozen=True)
class Config:
    """theta is small on purpose: with 64-wide heads M-RoPE gives columns the lowest frequencies, and at 1e6 they could hardly be told apart."""
    vocab: int = 1152
    hidden: int = 320
    layers: int = 4
    heads: int = 5
    kv_heads: int = 1
    intermediate: int = 896
    theta: float = 25.0
    sections: tuple = (8, 12, 12)
    vision_depth: int = 6
    vision_dim: int = 256
    vision_heads: int = 4
    vision_mlp: int = 1024


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


def rms_norm(x, weight):
    x = x.float()
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight


# The four halves of the two block types, compiled apart because attention between them is an opaque call.
def vision_before(x, norm_w, norm_b, w, b, cos, sin):
    h = F.linear(F.layer_norm(x, x.shape[-1:], norm_w, norm_b, 1e-6), w, b)
    q, k, v = h.view(x.shape[0], 3, -1, HEAD).unbind(1)
    cos, sin = cos[:, None], sin[:, None]
    return rotate(q.float(), cos, sin).to(v.dtype), rotate(k.float(), cos, sin).to(v.dtype), v.contiguous()


def vision_after(x, attended, proj_w, proj_b, norm_w, norm_b, w1, b1, w2, b2):
    x = x + F.linear(attended, proj_w, proj_b)
    h = F.linear(F.layer_norm(x, x.shape[-1:], norm_w, norm_b, 1e-6), w1, b1)
    return x + F.linear(h * torch.sigmoid(1.702 * h), w2, b2)


def text_before(x, norm, qw, qb, kw, kb, vw, vb, cos, sin):
    h = rms_norm(x, norm)
    q, k, v = (F.linear(h, w, b).view(x.shape[0], -1, HEAD) for w, b in ((qw, qb), (kw, kb), (vw, vb)))
    cos, sin, group = cos[:, None], sin[:, None], q.shape[1] // k.shape[1]
    k = rotate(k.float(), cos, sin).to(v.dtype)
    return rotate(q.float(), cos, sin).to(v.dtype), k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)


def text_after(x, attended, ow, norm, gate, up, down):
    x = x + F.linear(attended, ow)
    h = rms_norm(x, norm)
    return x + F.linear(F.silu(F.linear(h, gate)) * F.linear(h, up), down)


def initial_weights(c: Config):
    """Names are the checkpoint's own, plus `aux.*`: linear heads for the dense targets, not exported."""
    out = FirstWeights()
    linear, norm = out.linear, out.norm
    d, kv = c.vision_dim, c.kv_heads * HEAD
    linear("visual.patch_embed.proj", d, 1176, False)
    for i in range(c.vision_depth):
        b, scale = f"visual.blocks.{i}.", (2 * c.vision_depth) ** -.5
        norm(b + "norm1", d, True), norm(b + "norm2", d, True)
        linear(b + "attn.qkv", 3 * d, d), linear(b + "attn.proj", d, d, scale=scale)
        linear(b + "mlp.fc1", c.vision_mlp, d), linear(b + "mlp.fc2", d, c.vision_mlp, scale=scale)
    norm("visual.merger.ln_q", d, True), linear("visual.merger.mlp.0", 4 * d, 4 * d), linear("visual.merger.mlp.2", c.hidden, 4 * d)
    out["model.embed_tokens.weight"] = torch.randn(c.vocab, c.hidden) * c.hidden ** -.5
    for i in range(c.layers):
        b, scale = f"model.layers.{i}.", (2 * c.layers) ** -.5
        norm(b + "input_layernorm", c.hidden), norm(b + "post_attention_layernorm", c.hidden)
        linear(b + "self_attn.q_proj", c.heads * HEAD, c.hidden), linear(b + "self_attn.k_proj", kv, c.hidden), linear(b + "self_attn.v_proj", kv, c.hidden)
        linear(b + "self_attn.o_proj", c.hidden, c.heads * HEAD, False, scale)
        linear(b + "mlp.gate_proj", c.intermediate, c.hidden, False), linear(b + "mlp.up_proj", c.intermediate, c.hidden, False)
        linear(b + "mlp.down_proj", c.hidden, c.intermediate, False, scale)
    norm("model.norm", c.hidden)
    linear("aux.class", CLASSES, d), linear("aux.color", COLOR_CLASSES, d)
    return out


class VisionLanguageModel(nn.Module):
    def __init__(self, config: Config, device="cpu", compiled=False):
        super().__init__()
        self.config = config
        self.weights = nn.ParameterDict({k.replace(".", "/"): nn.Parameter(v) for k, v in initial_weights(config).items()})
        axis = torch.cat([torch.full((n,), i) for i, n in enumerate(config.sections)])
        self.register_buffer("axis", torch.cat((axis, axis)), persistent=False)
        text = config.theta ** -(torch.arange(HEAD // 2).float() / (HEAD // 2))
        self.register_buffer("text_frequencies", torch.cat((text, text)), persistent=False)
        self.register_buffer("vision_frequencies", 10000 ** -(torch.arange(HEAD // 4).float() / (HEAD // 4)), persistent=False)
        for name, classes in (("class_weight", CLASSES), ("color_weight", COLOR_CLASSES)):
            self.register_buffer(name, torch.tensor([.2] + [1.] * (classes - 1)), persistent=False)
        self.attend = Attention(str(device).startswith("cuda"))
        wrap = (lambda f: torch.compile(f, dynamic=False)) if compiled else lambda f: f
        self.vision_before, self.vision_after, self.text_before, self.text_after = map(wrap, (vision_before, vision_after, text_before, text_after))
        self.to(device)

    def named(self, prefix, *names):
        return [self.weights[(prefix + n).replace(".", "/")] for n in names]

    def vision(self, rows, second, cells, ends, longest):
        """rows [patches + seconds, 588]: one frame's pixels of each patch; second [patches]: the row of its second frame -> [patches, dim]."""
        w, = self.named("", "visual.patch_embed.proj.weight")
        w = w.view(-1, 3, 2, 196)
        n = len(second)
        x = (F.linear(rows[:n], w[:, :, 0].flatten(1)) + F.linear(rows, w[:, :, 1].flatten(1)).index_select(0, second)).float()
        return self.vision_blocks(x, cells[:n], ends, longest)

    def vision_blocks(self, x, cells, ends, longest):
        """The tower behind its patch embedding: x [patches, dim], cells [patches, 2] -> [patches, dim], normed for the merger."""
        angle = (cells.float()[:, :, None] * self.vision_frequencies).flatten(1)
        cos, sin = (torch.cat((t, t), 1) for t in (angle.cos(), angle.sin()))
        for i in range(self.config.vision_depth):
            b = f"visual.blocks.{i}."
            q, k, v = self.vision_before(x, *self.named(b, "norm1.weight", "norm1.bias", "attn.qkv.weight", "attn.qkv.bias"), cos, sin)
            x = self.vision_after(x, self.attend(q, k, v, ends, longest, False), *self.named(b, "attn.proj.weight", "attn.proj.bias", "norm2.weight", "norm2.bias",
                                  "mlp.fc1.weight", "mlp.fc1.bias", "mlp.fc2.weight", "mlp.fc2.bias"))
        return F.layer_norm(x, x.shape[-1:], *self.named("visual.merger.ln_q.", "weight", "bias"), 1e-6)

    def merge(self, features):
        """Four patches to one row of the text model."""
        x = F.linear(features.view(-1, 4 * features.shape[-1]), *self.named("visual.merger.mlp.0.", "weight", "bias"))
        return F.linear(F.gelu(x), *self.named("visual.merger.mlp.2.", "weight", "bias"))

    def text(self, tokens, media, picture_rows, positions, ends, longest):
        """tokens [n]; media: where the picture rows go; positions [3, n] -> hidden states [n, hidden]."""
        table, = self.named("", "model.embed_tokens.weight")
        h = F.embedding(tokens.long(), table).float()
        if picture_rows is not None:
            h = h.index_copy(0, media.long(), picture_rows.float())
        angle = positions.float()[self.axis].t() * self.text_frequencies
        cos, sin = angle.cos(), angle.sin()
        for i in range(self.config.layers):
            b, a = f"model.layers.{i}.", f"model.layers.{i}.self_attn."
            q, k, v = self.text_before(h, *self.named(b, "input_layernorm.weight"), *self.named(a, "q_proj.weight", "q_proj.bias", "k_proj.weight", "k_proj.bias",
                                       "v_proj.weight", "v_proj.bias"), cos, sin)
            h = self.text_after(h, self.attend(q, k, v, ends, longest, True), *self.named(a, "o_proj.weight"),
                                *self.named(b, "post_attention_layernorm.weight", "mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"))
        return h

    def forward(self, rows, second, cells, span_ends, longest_span, tokens, media, positions, sequence_ends, longest_sequence):
        """Hidden states of all tokens and the vision features that the dense heads read."""
        features = self.vision(rows, second, cells, span_ends, longest_span)
        return self.text(tokens, media, self.merge(features), positions, sequence_ends, longest_sequence), features

    def logits(self, hidden):
        return F.linear(rms_norm(hidden, self.weights["model/norm/weight"]), self.weights["model/embed_tokens/weight"])

    def dense_loss(self, features, kind, color):
        """Cross entropy of the dense targets of all patches, of which the background counts a fifth."""
        kinds, colors = (F.linear(features, *self.named(f"aux.{head}.", "weight", "bias")).float() for head in ("class", "color"))
        return F.cross_entropy(kinds, kind, weight=self.class_weight) + .5 * F.cross_entropy(colors, color, weight=self.color_weight)
