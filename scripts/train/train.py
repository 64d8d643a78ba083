"""Train the model from nothing on one GPU; the schedule follows the clock.

    python3 train.py --assets ASSETS --out OUT --seconds 1050 --until 500 --state /tmp/state.pt      first part
    python3 train.py --assets ASSETS --out OUT --seconds 1050 --state /tmp/state.pt --export         the rest

--seconds is the whole training time, --until where this part stops; a state file that exists is continued.
Writes OUT/log.json and, with --export, OUT/model (a Hugging Face folder). `--device cpu --tiny` is a dry run.
"""
import argparse, json, math, os, sys, time
from bpe import Tokenizer
from feed import Feed, to_device
from loop import Updates, rate, say
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


class Trainer(Updates):
    """The model and batches of conversations, whose pixels are drawn on the device."""

    def __init__(self, args, tokenizer, bank, shape, feed):
        import torch
        from layers import check_attention
        from model import HEAD, Config, VisionLanguageModel
        from render import Renderer
        self.shape, compiled = shape, args.device == "cuda"
        torch.manual_seed(0)
        self.renderer = Renderer(bank, shape, args.device, compiled)
        model = VisionLanguageModel(Config(vocab=tokenizer.size), args.device, compiled)
        if compiled:
            check_attention(model.attend, 4, HEAD, 512)
        super().__init__(model, feed, args.lr, args.device, compiled)

    def inputs(self, batch):
        """What the model needs of a batch; pixels are drawn here."""
        names = ("second", "span_ends", "tokens", "media", "positions", "sequence_ends", "targets", "weights")
        with self.torch.no_grad():
            kind, color = self.renderer.labels(batch)
            rows = self.renderer.normalize(self.renderer.pixels(batch))
        return {**{n: batch[n] for n in names}, "rows": rows, "cells": batch["rows_cell"], "kind": kind, "color": color}

    def next_inputs(self):
        return self.inputs(self.feed.next())

    def run(self, s):
        """(hidden states, vision features)"""
        return self.model(s["rows"], s["second"], s["cells"], s["span_ends"], self.shape.longest_span,
                          s["tokens"], s["media"], s["positions"], s["sequence_ends"], self.shape.longest_sequence)

    def losses(self, s):
        cross_entropy, m = self.torch.nn.functional.cross_entropy, self.model
        hidden, features = self.run(s)
        at = s["targets"].long()
        per_token = cross_entropy(m.logits(hidden[at]).float(), s["tokens"][at + 1].long(), reduction="none")
        answers = (per_token * s["weights"]).sum() / s["weights"].sum()
        return answers, m.dense_loss(features, s["kind"], s["color"])

    def total(self, answers, dense):
        return answers + self.dense_weight * dense

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


def maker(assets, merges, shape):
    """What a worker of the feed fills batches with."""
    def make(seed):
        sampler = Sampler(assets, Bank(assets, pixels=False), Split(), seed)
        return sampler, Packer(sampler, Tokenizer(merges), shape)
    return make


def summary(table):
    right, asked = (sum(v[i] for v in table.values()) for i in (0, 1))
    return f"{100 * right / max(1, asked):.1f} % of {asked} | " + " ".join(f"{k} {100 * a / b:.0f}" for k, (a, b) in sorted(table.items()))


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
    feed = Feed(maker(args.assets, merges, shape), shape, args.workers, seed, args.device, 4 if args.tiny else 40)
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
