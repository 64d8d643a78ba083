"""What the three recipes share: one update, captured as a CUDA graph, and the schedule of the learning rate.

torch is imported late, since the worker processes are forked first.
"""
import math
import time
import traceback


class Updates:
    """Model, optimizer, static input tensors and one whole update, which a GPU replays as a graph.

    A subclass gives `next_inputs()`, {name: tensor} of the same shapes every time; `losses(inputs)`, a tuple; and `total(*losses)`, which is
    descended. `feed` has `quiet(on)`: nothing may touch the GPU beside the capture.
    """

    def __init__(self, model, feed, lr, device, compiled):
        import torch
        from muon import Muon
        self.torch, self.model, self.feed, self.device = torch, model, feed, device
        self.parameters = list(model.weights.values())
        self.optimizer = Muon(model.weights.items(), lr, compiled=compiled)
        self.static, self.graph = {}, None
        self.dense_weight = torch.zeros((), device=device)

    def autocast(self):
        return self.torch.autocast("cuda", self.torch.bfloat16, enabled=self.device == "cuda")

    def load(self):
        for name, value in self.next_inputs().items():
            if name in self.static:
                self.static[name].copy_(value)
            else:
                self.static[name] = value.clone()

    def update(self):
        """(losses, norm of the gradient)"""
        with self.autocast():
            losses = self.losses(self.static)
        self.total(*losses).backward()
        norm = self.torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        return *(loss.detach() for loss in losses), norm

    def clear(self):
        for p in self.parameters:
            p.grad = None

    def prepare(self, captured=True):
        """On a GPU compiles, then captures one update, at learning rate 0. If that fails, every step is launched kernel by kernel."""
        self.optimizer.set_scale(0.)
        self.load()
        if self.device != "cuda" or not captured:
            return
        torch, start = self.torch, time.time()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.clear()
                result = self.update()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        say(f"compiled in {time.time() - start:.1f} s, first losses {[round(float(r), 3) for r in result]}")
        self.feed.quiet(True)
        self.clear()
        try:
            self.capture()
            say(f"captured after {time.time() - start:.1f} s, {torch.cuda.max_memory_allocated() / 2 ** 30:.1f} GiB")
        except Exception:
            traceback.print_exc()
            say("NOT captured, going on without a graph")
            self.clear()
            torch.cuda.synchronize()
        self.feed.quiet(False)

    def capture(self):
        graph = self.torch.cuda.CUDAGraph()
        with self.torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self.result = self.update()
        self.torch.cuda.synchronize()
        self.graph = graph

    def step(self, scale, dense):
        """One update at `scale` times the peak learning rate, with `dense` as the weight of the dense targets. Gives what `update` gives."""
        self.load()
        self.optimizer.set_scale(scale)
        self.dense_weight.fill_(dense)
        if self.graph:
            self.graph.replay()
            return self.result
        self.clear()
        return self.update()


def rate(args, share, step, floor=.02):
    """Share of the peak learning rate: warm-up, flat, cosine to `floor`."""
    decay = 1. if share < args.flat else floor + (1 - floor) / 2 * (1 + math.cos(math.pi * min(1, (share - args.flat) / (1 - args.flat))))
    return min(1., (step + 1) / args.warm) * decay


def say(text):
    print(text, flush=True)
