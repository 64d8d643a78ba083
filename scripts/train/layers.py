"""What the models in training share: attention within spans, and random first weights."""
import sys
import torch
import torch.nn.functional as F


class Attention:
    """Attention within spans given by their ends. On a GPU one variable-length flash call; elsewhere a plain loop."""

    def __init__(self, on_gpu):
        self.on_gpu = on_gpu
        if on_gpu:
            from torch.nn.attention.varlen import varlen_attn
            self.varlen = varlen_attn

    def __call__(self, q, k, v, ends, longest, causal):
        if self.on_gpu:
            return self.varlen(q, k, v, ends, ends, longest, longest, window_size=(-1, 0) if causal else (-1, -1)).flatten(1)
        out, marks = [], ends.tolist()
        for a, b in zip(marks, marks[1:]):
            if b > a:
                parts = (t[a:b].transpose(0, 1)[None] for t in (q, k, v))
                out.append(F.scaled_dot_product_attention(*parts, is_causal=causal)[0].transpose(0, 1).flatten(1))
        return torch.cat(out)


def check_attention(attend, heads, size, longest):
    """The GPU's variable-length attention of `heads` heads of `size` values against the plain loop, empty spans included."""
    ends = torch.tensor([0, 7, 7, 300, 300 + longest, 300 + longest], dtype=torch.int32, device="cuda")
    for causal in (False, True):
        q, k, v = (torch.randn(300 + longest, heads, size, device="cuda", dtype=torch.bfloat16) for _ in range(3))
        error = (attend(q, k, v, ends, longest, causal) - Attention(False)(q, k, v, ends, longest, causal)).abs().max().item()
        if not error < .06:
            sys.exit(f"attention differs by {error}")


class FirstWeights(dict):
    """Random weights by their names, before training."""

    def linear(self, name, rows, columns, bias=True, scale=1.0):
        self[name + ".weight"] = torch.randn(rows, columns) * columns ** -.5 * .6 * scale
        if bias:
            self[name + ".bias"] = torch.zeros(rows)

    def norm(self, name, n, bias=False, value=1.0):
        self[name + ".weight"] = torch.full((n,), value)
        if bias:
            self[name + ".bias"] = torch.zeros(n)
