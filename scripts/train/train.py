"""Train the model from nothing on one GPU; the schedule follows the clock.

    python3 train.py --assets ASSETS --out OUT --seconds 1050 --until 500 --state /tmp/state.pt      first part
    python3 train.py --assets ASSETS --out OUT --seconds 1050 --state /tmp/state.pt --export         the rest

--seconds is the whole training time, --until where this part stops; a state file that exists is continued.
Writes OUT/log.json and, with --export, OUT/model (a Hugging Face folder). `--device cpu --tiny` is a dry run.
"""
import argparse, json, math, os, sys, time
from bpe import Tokenizer
from feed import Feed, to_device
from packing import Packer, Shape, tiny_shape
from sampler import Sampler
from scene import Split
from sprites import Bank

VALIDATION_SEED, WORKER_SEED = 90_001, 11


def arguments():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--assets", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--seconds", type=float, required=True)
    a.add_argument("--until", type=float, default=1e9)
    a.add_argument("--state", default="")
    a.add_argument("--init", default="", help="an exported folder to start from instead of random weights")
    a.add_argument("--export", action="store_true")
    a.add_argument("--device", default="cuda")
    a.add_argument("--tiny", action="store_true")
    a.add_argument("--workers", type=int, default=14)
    a.add_argument("--lr", type=float, default=3e-3)
    a.add_argument("--flat", type=float, default=.4, help="share of the time before the cosine decay")
    a.add_argument("--warm", type=int, default=200, help="warm-up steps")
    a.add_argument("--dense", type=float, default=.5, help="first weight of the dense targets; falls to a fifth")
    a.add_argument("--deadline", type=float, default=1e9, help="wall-clock seconds after the start by which training stops in any case")
    return a.parse_args()


class Trainer:
    """Model, optimizer, static input tensors and the captured step."""

    def __init__(self, args, tokenizer, bank, shape, feed):
        import torch
        from model import Config, VisionLanguageModel
        from muon import Muon
        from render import Renderer
        self.torch, self.args, self.feed, self.shape, self.device = torch, args, feed, shape, args.device
        compiled = args.device == "cuda"
        torch.manual_seed(0)
        self.renderer = Renderer(bank, shape, args.device, compiled)
        self.model = VisionLanguageModel(Config(vocab=tokenizer.size), args.device, compiled)
        if compiled:
            check_attention(torch, self.model.attend)
        self.parameters = list(self.model.weights.values())
        self.optimizer = Muon(self.model.weights.items(), args.lr, compiled=compiled)
        self.static, self.graph = {}, None
        self.dense_weight = torch.zeros((), device=args.device)
        from frame import CLASSES, COLOR_CLASSES
        self.class_weight, self.color_weight = torch.ones(CLASSES, device=args.device), torch.ones(COLOR_CLASSES, device=args.device)
        self.class_weight[0] = self.color_weight[0] = .2

    def autocast(self):
        return self.torch.autocast("cuda", self.torch.bfloat16, enabled=self.device == "cuda")

    def inputs(self, batch):
        """What the model needs of a batch; pixels are drawn here."""
        names = ("second", "span_ends", "tokens", "media", "positions", "sequence_ends", "targets", "weights")
        with self.torch.no_grad():
            kind, color = self.renderer.labels(batch)
            rows = self.renderer.normalize(self.renderer.pixels(batch))
        return {**{n: batch[n] for n in names}, "rows": rows, "cells": batch["rows_cell"], "kind": kind, "color": color}

    def load(self, batch):
        for name, value in self.inputs(batch).items():
            if name in self.static:
                self.static[name].copy_(value)
            else:
                self.static[name] = value.clone()

    def run(self, s):
        """(hidden states, vision features)"""
        return self.model(s["rows"], s["second"], s["cells"], s["span_ends"], self.shape.longest_span,
                          s["tokens"], s["media"], s["positions"], s["sequence_ends"], self.shape.longest_sequence)

    def losses(self, s):
        cross_entropy, F = self.torch.nn.functional.cross_entropy, self.model
        hidden, features = self.run(s)
        at = s["targets"].long()
        per_token = cross_entropy(F.logits(hidden[at]).float(), s["tokens"][at + 1].long(), reduction="none")
        answers = (per_token * s["weights"]).sum() / s["weights"].sum()
        kind, color = F.dense_logits(features)
        dense = cross_entropy(kind.float(), s["kind"], weight=self.class_weight) + .5 * cross_entropy(color.float(), s["color"], weight=self.color_weight)
        return answers, dense

    def update(self):
        with self.autocast():
            answers, dense = self.losses(self.static)
        (answers + self.dense_weight * dense).backward()
        norm = self.torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        return answers.detach(), dense.detach(), norm

    def clear(self):
        for p in self.parameters:
            p.grad = None

    def prepare(self):
        """Compiles, then captures one whole update as a CUDA graph. Runs at learning rate 0."""
        self.optimizer.set_scale(0.)
        self.load(self.feed.next())
        if self.device != "cuda":
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
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.result = self.update()
        torch.cuda.synchronize()
        self.feed.quiet(False)
        say(f"captured after {time.time() - start:.1f} s, {torch.cuda.max_memory_allocated() / 2 ** 30:.1f} GiB")

    def step(self, scale, dense):
        self.load(self.feed.next())
        self.optimizer.set_scale(scale)
        self.dense_weight.fill_(dense)
        if self.graph:
            self.graph.replay()
            return self.result
        self.clear()
        return self.update()

    def evaluate(self, batches):
        """Exact match under the true prefix, which equals greedy decoding's, per kind of question: {kind: [right, asked]}."""
        torch, table = self.torch, {}
        for host, talks in batches:
            s = self.inputs(to_device(host, self.device))
            with self.autocast():
                hidden = self.run(s)[0].detach()
                n, at = int(host["counts"][0]), s["targets"].long()
                right = (self.model.logits(hidden[at]).argmax(-1) == s["tokens"][at + 1].long())[:n].cpu().numpy()
            start = 0
            for talk in talks:
                entry = table.setdefault(talk.turns[0][0], [0, 0])
                entry[0] += bool(right[start:start + len(talk.targets)].all())
                entry[1] += 1
                start += len(talk.targets)
        torch.cuda.synchronize() if self.device == "cuda" else None
        return table

    def save(self, path, progress):
        self.torch.save({"weights": {k: v.data for k, v in self.model.weights.items()}, "optimizer": self.optimizer.state(), "progress": progress}, path)

    def resume(self, path):
        state = self.torch.load(path, map_location=self.device, weights_only=False)
        with self.torch.no_grad():
            for k, v in self.model.weights.items():
                v.copy_(state["weights"][k])
        self.resumed = state["optimizer"]
        return state["progress"]


def check_attention(torch, attend):
    """The GPU's variable-length attention against a plain loop, empty spans included."""
    from model import Attention
    ends = torch.tensor([0, 7, 7, 300, 812, 812], dtype=torch.int32, device="cuda")
    for causal in (False, True):
        q, k, v = (torch.randn(812, 4, 64, device="cuda", dtype=torch.bfloat16) for _ in range(3))
        error = (attend(q, k, v, ends, 512, causal) - Attention(False)(q, k, v, ends, 512, causal)).abs().max().item()
        if not error < .06:
            sys.exit(f"attention differs by {error}")


def say(text):
    print(text, flush=True)


def summary(table):
    right, asked = (sum(v[i] for v in table.values()) for i in (0, 1))
    return f"{100 * right / max(1, asked):.1f} % of {asked} | " + " ".join(f"{k} {100 * a / b:.0f}" for k, (a, b) in sorted(table.items()))


def rate(args, share, step):
    """Warm-up, flat, cosine to 2 %."""
    decay = 1. if share < args.flat else .02 + .49 * (1 + math.cos(math.pi * (share - args.flat) / (1 - args.flat)))
    return min(1., (step + 1) / args.warm) * decay


def train(trainer, args, validation, began):
    progress = {"seconds": 0.0, "step": 0, "samples": 0, "curve": []}
    if args.state and os.path.exists(args.state):
        progress = trainer.resume(args.state)
        trainer.optimizer.load(trainer.resumed)
        say(f"continuing at {progress['seconds']:.0f} s, step {progress['step']}")
    elif args.init:
        from export import load_weights
        load_weights(trainer.model, args.init)
    known = .25 if args.init else 0.  # what an exported model was trained on already is not made easy again
    trainer.feed.level.value = min(1., (progress["seconds"] / args.seconds + known) / .25)
    trainer.prepare()
    start, step, offset, paused = time.time(), progress["step"], progress["seconds"], 0.0
    end, last, next_test = min(args.seconds, args.until), (time.time(), progress["step"]), offset + 100
    trainer.feed.waited = 0.0
    while True:
        now = offset + time.time() - start - paused
        if now >= end or time.time() - began > args.deadline:
            break
        share = now / args.seconds
        trainer.feed.level.value = min(1., (share + known) / .25)
        answers, dense, norm = trainer.step(rate(args, share, step), args.dense * (1 - .8 * share))
        step += 1
        if step % 8 == 0:
            float(answers)  # keeps clock and GPU together
        if step % 200 == 0 or step == 30:
            value, speed = float(answers), (step - last[1]) / (time.time() - last[0])
            say(f"{now:7.1f} s step {step} loss {value:.4f} dense {float(dense):.3f} norm {float(norm):.2f} {speed:.1f} steps/s waited {trainer.feed.waited:.1f} s")
            last = (time.time(), step)
            if not math.isfinite(value) or (step == 600 and value > 4):
                sys.exit("training diverged")
            if step == 200 and args.device == "cuda" and speed < 12:
                sys.exit("far too slow: something is not captured or not compiled")
        if now >= next_test:
            pause = time.time()
            table = trainer.evaluate(validation[:2])
            progress["curve"].append({"seconds": round(now), "step": step, "loss": float(answers), "kinds": table})
            say(f"  at {now:.0f} s: {summary(table)}")
            next_test += 100
            paused += time.time() - pause
            last = (time.time(), step)
    progress.update(seconds=offset + time.time() - start - paused, step=step)
    say(f"stopped at {progress['seconds']:.0f} s, step {step}, waited {trainer.feed.waited:.1f} s for data")
    return progress


def main():
    args, began = arguments(), time.time()
    os.makedirs(args.out, exist_ok=True)
    with open(args.assets + "/merges.json") as f:
        merges = json.load(f)
    tokenizer, shape = Tokenizer(merges), tiny_shape() if args.tiny else Shape()
    seed = WORKER_SEED + (10 if args.init else 0) + (1 if args.state and os.path.exists(args.state) else 0)  # no sample comes twice
    feed = Feed(args.assets, merges, shape, Split(), args.workers, seed, args.device, slots=4 if args.tiny else 40)
    bank, validation = Bank(args.assets), []
    packer = Packer(Sampler(args.assets, bank, Split(), VALIDATION_SEED), tokenizer, shape, single=True)
    for _ in range(1 if args.tiny else 4):
        host = shape.empty()
        validation.append((host, packer.fill(host)))
    feed.start()
    say(f"data ready after {time.time() - began:.1f} s; samples per validation batch {[len(t) for _, t in validation]}")
    trainer = Trainer(args, tokenizer, bank, shape, feed)
    exported = [p for k, p in trainer.model.weights.items() if not k.startswith("aux")]
    say(f"{sum(p.numel() for p in exported) / 1e6:.2f} M parameters on {args.device}")
    progress = train(trainer, args, validation, began)
    table = trainer.evaluate(validation)
    progress["validation"] = table
    say(f"validation: {summary(table)}")
    if args.state:
        trainer.save(args.state, progress)
    with open(args.out + "/log.json", "w") as f:
        json.dump(progress, f)
    feed.stop()
    if args.export:
        from export import write_folder
        write_folder(trainer.model, tokenizer, args.out + "/model")
    say(f"done after {time.time() - began:.1f} s")


if __name__ == "__main__":
    main()
