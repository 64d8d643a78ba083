"""Ultravox for training: Whisper's encoder, projector and Llama decoder on packed clips; weights map one to one to the checkpoint's.

All clips of a batch lie end to end, with at least one empty frame between them; attention keeps to spans. Weights and residual stream are
float32, matrix products bfloat16 under autocast.
"""
import math
from dataclasses import dataclass
import torch
import torch.nn as nn
import torch.nn.functional as F
from layers import Attention, FirstWeights
from phones import FLITE


@dataclass(frozen=True)
class Config:
    vocab: int = 768
    bands: int = 80
    dim: int = 160
    layers: int = 4
    heads: int = 5
    mlp: int = 576
    positions: int = 400
    stack: int = 4
    projector: int = 320
    hidden: int = 160
    text_layers: int = 4
    text_heads: int = 5
    kv_heads: int = 1
    intermediate: int = 256
    theta: float = 10000.0
    context: int = 1024


def sinusoids(rows, dim):
    """Whisper's position table."""
    scale = math.log(10000) / (dim // 2 - 1)
    angle = torch.arange(rows)[:, None] * torch.exp(-scale * torch.arange(dim // 2))[None]
    return torch.cat((angle.sin(), angle.cos()), 1)


def initial_weights(c: Config):
    """`aux.*`: the linear head for phonemes, not exported. q, k and v of the encoder are one matrix here."""
    out = FirstWeights()
    linear, norm = out.linear, out.norm
    d, h, kv = c.dim, c.hidden, c.kv_heads * (c.hidden // c.text_heads)
    linear("audio.conv1", d, 3 * c.bands, scale=1.6), linear("audio.conv2", d, 3 * d, scale=1.6)
    for i in range(c.layers):
        b, scale = f"audio.layers.{i}.", (2 * c.layers) ** -.5
        norm(b + "norm1", d, True), norm(b + "norm2", d, True)
        linear(b + "qkv", 3 * d, d, False), linear(b + "out", d, d, scale=scale)
        out[b + "q.bias"], out[b + "v.bias"] = torch.zeros(d), torch.zeros(d)
        linear(b + "fc1", c.mlp, d), linear(b + "fc2", d, c.mlp, scale=scale)
    norm("audio.norm", d, True)
    norm("projector.ln_pre", d * c.stack), linear("projector.linear_1", c.projector, d * c.stack, False, 1.6)
    linear("projector.linear_2", h, c.projector // 2, False, 1.6), norm("projector.ln_post", h, value=.2)
    out["embed_tokens.weight"] = torch.randn(c.vocab, h) * h ** -.5
    for i in range(c.text_layers):
        b, scale = f"text.layers.{i}.", (2 * c.text_layers) ** -.5
        norm(b + "norm1", h), norm(b + "norm2", h)
        linear(b + "q", h, h, False), linear(b + "k", kv, h, False), linear(b + "v", kv, h, False), linear(b + "o", h, h, False, scale)
        linear(b + "gate", c.intermediate, h, False), linear(b + "up", c.intermediate, h, False), linear(b + "down", h, c.intermediate, False, scale)
    norm("text.norm", h)
    linear("aux.phones", len(FLITE), d)
    return out


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class AudioModel(nn.Module):
    def __init__(self, config: Config, device="cpu"):
        super().__init__()
        self.config = config
        self.weights = nn.ParameterDict({k.replace(".", "/"): nn.Parameter(v) for k, v in initial_weights(config).items()})
        self.register_buffer("places", sinusoids(config.positions, config.dim), persistent=False)
        half = config.hidden // config.text_heads // 2
        self.register_buffer("frequencies", config.theta ** -(torch.arange(half).float() / half), persistent=False)
        self.attend = Attention(str(device).startswith("cuda"))
        self.to(device)

    def w(self, name):
        return self.weights[name.replace(".", "/")]

    def pair(self, name):
        return self.w(name + ".weight"), self.w(name + ".bias")

    def layer_norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], *self.pair(name), 1e-5)

    def rms_norm(self, x, name, eps):
        return F.rms_norm(x.float(), x.shape[-1:], self.w(name + ".weight"), eps)

    def encode(self, mel, frame_mask, row_place, row_mask, ends):
        """mel f32 [frames, bands], zero where frame_mask [frames, 1] is; row_place [rows] place in its clip -> f32 [rows, dim], zero between clips."""
        c = self.config
        around = F.pad(mel, (0, 0, 1, 1))
        x = F.linear(torch.stack((around[:-2], around[1:-1], around[2:]), -1).flatten(1), *self.pair("audio.conv1"))
        x = F.gelu(x) * frame_mask.to(x.dtype)
        pairs = x.view(-1, 2, c.dim)
        left = F.pad(pairs[:-1, 1], (0, 0, 1, 0))
        x = F.linear(torch.stack((left, pairs[:, 0], pairs[:, 1]), -1).flatten(1), *self.pair("audio.conv2"))
        x = F.gelu(x).float() + self.places[row_place]
        for i in range(c.layers):
            b = f"audio.layers.{i}."
            bias = torch.cat((self.w(b + "q.bias"), torch.zeros_like(self.w(b + "q.bias")), self.w(b + "v.bias")))
            qkv = F.linear(self.layer_norm(x, b + "norm1"), self.w(b + "qkv.weight"), bias)
            q, k, v = (t.contiguous() for t in qkv.view(len(x), 3, c.heads, -1).unbind(1))
            x = x + F.linear(self.attend(q, k, v, ends, c.positions, False), *self.pair(b + "out"))
            h = F.gelu(F.linear(self.layer_norm(x, b + "norm2"), *self.pair(b + "fc1")))
            x = x + F.linear(h, *self.pair(b + "fc2"))
        return self.layer_norm(x, "audio.norm") * row_mask

    def project(self, encoded):
        """[rows, dim] -> [rows / stack, hidden]"""
        x = self.rms_norm(encoded.view(-1, self.config.dim * self.config.stack), "projector.ln_pre", 1e-6)
        x, gate = F.linear(x, self.w("projector.linear_1.weight")).chunk(2, -1)
        return self.rms_norm(F.linear(F.silu(gate) * x, self.w("projector.linear_2.weight")), "projector.ln_post", 1e-6)

    def text(self, tokens, sound, sound_at, is_sound, positions, ends, longest):
        """tokens [n]; sound [m, hidden] rows that stand at the tokens marked by is_sound [n, 1] -> hidden states f32 [n, hidden]."""
        c = self.config
        x = F.embedding(tokens, self.w("embed_tokens.weight")).float()
        if sound is not None:
            x = torch.where(is_sound, sound.float().index_select(0, sound_at), x)
        angle = positions.float()[:, None] * self.frequencies
        cos, sin = angle.cos()[:, None], angle.sin()[:, None]
        group = c.text_heads // c.kv_heads
        for i in range(c.text_layers):
            b = f"text.layers.{i}."
            h = self.rms_norm(x, b + "norm1", 1e-5)
            q, k, v = (F.linear(h, self.w(b + n + ".weight")).view(len(x), -1, c.hidden // c.text_heads) for n in "qkv")
            q, k = rotate(q.float(), cos, sin).to(v.dtype), rotate(k.float(), cos, sin).to(v.dtype)
            k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
            x = x + F.linear(self.attend(q, k, v, ends, longest, True), self.w(b + "o.weight"))
            h = self.rms_norm(x, b + "norm2", 1e-5)
            x = x + F.linear(F.silu(F.linear(h, self.w(b + "gate.weight"))) * F.linear(h, self.w(b + "up.weight")), self.w(b + "down.weight"))
        return x

    def logits(self, hidden):
        return F.linear(self.rms_norm(hidden, "text.norm", 1e-5), self.w("embed_tokens.weight"))

    def phones(self, encoded):
        return F.linear(encoded, *self.pair("aux.phones"))
