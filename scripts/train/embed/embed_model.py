"""The embedding model: Qwen2-VL with the final norm of the last token as a picture's or a text's vector."""
import common  # noqa: F401
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from model import Config, VisionLanguageModel, rms_norm
from render import MEAN, STD

CONFIG = Config(vocab=512, hidden=192, layers=3, heads=3, kv_heads=1, intermediate=320, vision_depth=5, vision_dim=128, vision_heads=2, vision_mlp=512)
SIZES = {192: 1., 96: .3, 48: .2}   # lengths of the vector that are trained, with their weights
BLANK_SIDE = 4                      # patches
SCALE, MOST_SCALE = "aux/scale", 100.


class EmbeddingModel(VisionLanguageModel):
    def __init__(self, config=CONFIG, device="cpu", compiled=False):
        super().__init__(config, device, compiled)
        self.weights[SCALE] = nn.Parameter(torch.tensor([math.log(1 / .07)], device=device))
        black = -torch.tensor(MEAN) / torch.tensor(STD)
        cells = [(2 * i + a, 2 * j + b) for i in (0, 1) for j in (0, 1) for a in (0, 1) for b in (0, 1)]
        self.register_buffer("blank", black.repeat_interleave(196)[None].repeat(BLANK_SIDE ** 2, 1).to(device), persistent=False)
        self.register_buffer("blank_cells", torch.tensor(cells, device=device, dtype=torch.int32), persistent=False)

    def vision(self, rows, cells, ends, longest):
        """rows [patches, 588] of stills; cells [patches, 2] -> features [patches, dim]."""
        weight, = self.named("", "visual.patch_embed.proj.weight")
        return self.vision_blocks(F.linear(rows, weight.view(-1, 3, 2, 196).sum(2).flatten(1)).float(), cells, ends, longest)

    def forward(self, rows, cells, span_ends, longest_span, tokens, media, positions, sequence_ends, longest_sequence, last, texts):
        """(final hidden states of the tokens at `last`, features of the pictures' patches). Each of `texts` texts shares one black picture."""
        patches = len(rows)
        rows, cells = torch.cat((rows, self.blank.to(rows.dtype))), torch.cat((cells, self.blank_cells))
        span_ends = torch.cat((span_ends, span_ends[-1:] + len(self.blank)))
        features = self.vision(rows, cells, span_ends, longest_span)
        merged = self.merge(features)
        pictures = torch.cat((merged[:patches // 4], merged[patches // 4:].repeat(texts, 1)))
        hidden = self.text(tokens, media, pictures, positions, sequence_ends, longest_sequence)
        return rms_norm(hidden.index_select(0, last.long()), self.weights["model/norm/weight"]), features[:patches]


def vectors(hidden, size=None):
    """The first `size` values, at length 1."""
    return F.normalize(hidden[:, :size].float(), dim=-1)


def truth(claims, facts, bits):
    """Of which scenes (columns) each query (row) is true. claims [q, k], facts [s, n]: folded facts, padded with `bits`."""
    def table(numbers):
        out = torch.zeros(len(numbers), bits + 1, device=numbers.device, dtype=torch.bfloat16 if numbers.is_cuda else torch.float32)
        return out.scatter_(1, numbers.long(), 1.)[:, :bits]
    wanted = table(claims)
    return (wanted @ table(facts).t()) >= wanted.sum(1, keepdim=True) - .5


def contrastive(a, b, scale, also_true):
    """Symmetric InfoNCE of rows that belong together; also_true [n, n] leaves pairs out of the negatives."""
    logits = (a @ b.t()) * scale
    logits = logits.masked_fill(also_true & ~torch.eye(len(a), dtype=torch.bool, device=a.device), -1e4)
    target = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.t(), target)) / 2
