"""Muon for the hidden matrices, AdamW for everything else. Safe to capture in a CUDA graph: no host values change between steps."""
import math
import torch


def orthogonalize(g, steps=5):
    """Newton-Schulz iteration on a stack of matrices [k, rows <= columns], quintic coefficients of Keller Jordan's Muon."""
    x = g.bfloat16() if g.is_cuda else g
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.float()


class Stack:
    """All matrices of one shape, worked on as one batched product. Fused q-k-v matrices count as three."""

    def __init__(self, rows, columns, wide):
        self.rows, self.columns, self.wide = rows, columns, wide  # wide: stored with more columns than rows
        self.members = []                                          # (parameter, how many matrices it holds)

    def gradients(self):
        parts = [p.grad.view(n, -1, p.shape[1]) for p, n in self.members]
        return torch.cat(parts if self.wide else [g.transpose(1, 2) for g in parts])

    def apply(self, update, decay):
        if not self.wide:
            update = update.transpose(1, 2)
        at = 0
        for p, n in self.members:
            p.data.mul_(decay).sub_(update[at:at + n].reshape(p.shape))
            at += n


class Muon:
    """lr is the peak; `set_scale` moves both optimizers along the schedule. Updates have RMS 0.2 lr, as AdamW's do."""

    def __init__(self, named_parameters, lr, weight_decay=.05, momentum=.95, compiled=True):
        self.lr, self.weight_decay, self.momentum = lr, weight_decay, momentum
        stacks, decayed, plain = {}, [], []
        for name, p in named_parameters:
            if p.ndim == 2 and not any(word in name for word in ("embed", "aux")):
                n = 3 if "qkv" in name else 1
                rows, columns = p.shape[0] // n, p.shape[1]
                key = (min(rows, columns), max(rows, columns), rows <= columns)
                stacks.setdefault(key, Stack(*key)).members.append((p, n))
            else:
                (decayed if p.ndim == 2 else plain).append(p)
        self.stacks = list(stacks.values())
        device = plain[0].device
        self.buffers = [torch.zeros(sum(n for _, n in s.members), s.rows, s.columns, device=device) for s in self.stacks]
        self.scale = torch.zeros((), device=device)
        cuda = device.type == "cuda"
        self.orthogonalize = torch.compile(orthogonalize, dynamic=False) if compiled else orthogonalize
        options = {"fused": True, "capturable": True} if cuda else {}
        self.adam = torch.optim.AdamW([{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.}],
                                      lr=torch.tensor(float(lr), device=device) if cuda else lr, betas=(.9, .95), **options)

    def set_scale(self, scale):
        self.scale.fill_(scale)
        for group in self.adam.param_groups:
            if torch.is_tensor(group["lr"]):
                group["lr"].fill_(self.lr * scale)
            else:
                group["lr"] = self.lr * scale

    @torch.no_grad()
    def step(self):
        self.adam.step()
        lr = self.scale * self.lr
        for stack, buffer in zip(self.stacks, self.buffers):
            g = stack.gradients()
            buffer.mul_(self.momentum).add_(g, alpha=1 - self.momentum)
            direction = self.orthogonalize(g * (1 - self.momentum) + buffer * self.momentum)
            stack.apply(direction * (lr * (.2 * math.sqrt(stack.columns))), 1 - lr * self.weight_decay)

    def state(self):
        return {"buffers": self.buffers, "adam": self.adam.state_dict()}

    def load(self, state):
        """Before any graph is captured: tensors are copied into place, AdamW's are replaced."""
        for buffer, saved in zip(self.buffers, state["buffers"]):
            buffer.copy_(saved)
        rates = [g["lr"] for g in self.adam.param_groups]
        self.adam.load_state_dict(state["adam"])
        for group, rate in zip(self.adam.param_groups, rates):
            group["lr"] = rate
