"""Train the embedding model from nothing on one GPU; the schedule follows the clock.

    python3 train_embed.py --assets ASSETS --seconds 420 --out OUT
    python3 train_embed.py --assets ASSETS --seconds 20 --out OUT --device cpu --tiny --workers 1      dry run without a GPU

Writes OUT/log.json, OUT/model (a Hugging Face folder) at the end and OUT/model-latest every two minutes.
--init FOLDER starts from an exported model. ASSETS holds pictograms.npz; the tokenizer's merges lie beside this file.
"""
import common  # noqa: F401
import argparse, json, math, os, time, traceback
from feed import to_device
from frame import LETTERS, TEXTS
from loop import Updates, rate, say
from scene import Split
from sprites import Bank
from galleries import GALLERY, ROWS, SEED, gallery, recall, scenes_of
from pair_feed import PairFeed, pair_maker
from pair_packing import PairPacker, PairShape, tiny_pairs
from pairs import Scenes
from vocabulary import own_merges, own_tokenizer
import facts as F

WORKER_SEED = 31
DOCUMENT_WEIGHT = .2


def arguments():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--assets", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--seconds", type=float, required=True, help="training time, without start-up")
    a.add_argument("--deadline", type=float, default=1e9, help="seconds after the start by which training stops in any case")
    a.add_argument("--init", default="")
    a.add_argument("--device", default="cuda")
    a.add_argument("--tiny", action="store_true")
    a.add_argument("--eager", action="store_true", help="no torch.compile")
    a.add_argument("--workers", type=int, default=8)
    a.add_argument("--lr", type=float, default=3e-3)
    a.add_argument("--flat", type=float, default=.4, help="share of the time before the cosine decay")
    a.add_argument("--warm", type=int, default=150, help="warm-up steps")
    a.add_argument("--dense", type=float, default=.5, help="first weight of the dense targets; falls to a fifth")
    a.add_argument("--scenes", type=int, default=1024)
    return a.parse_args()


class Trainer(Updates):
    """The model and batches of scenes with their texts; pixels are drawn on the device."""

    def __init__(self, args, bank, shape, feed, compiled):
        import torch
        from embed_model import EmbeddingModel
        from render import Renderer
        self.shape = shape
        torch.manual_seed(0)
        self.renderer = Renderer(bank, shape, args.device, compiled)
        model = EmbeddingModel(device=args.device, compiled=compiled)
        if args.init:
            from export import load_weights
            load_weights(model, args.init)
        super().__init__(model, feed, args.lr, args.device, compiled)
        no_letters = torch.zeros(shape.scenes + 1, TEXTS, LETTERS, dtype=torch.uint8, device=args.device)
        self.nothing = {"ink": torch.zeros(shape.ink, dtype=torch.uint8, device=args.device), "letters": no_letters, "letter_ends": no_letters}

    def inputs(self, batch):
        """What the model needs of a batch; pixels are drawn here."""
        batch = {**batch, **self.nothing}
        names = ("span_ends", "tokens", "media", "positions", "sequence_ends", "targets", "facts", "claims")
        with self.torch.no_grad():
            kind, color = self.renderer.labels(batch)
            rows = self.renderer.normalize(self.renderer.pixels(batch))
        return {**{n: batch[n] for n in names}, "rows": rows, "cells": batch["rows_cell"], "kind": kind, "color": color}

    def next_inputs(self):
        return self.inputs(self.feed.next())

    def run(self, s):
        shape = self.shape
        return self.model(s["rows"], s["cells"], s["span_ends"], shape.longest_span, s["tokens"], s["media"], s["positions"], s["sequence_ends"],
                          shape.longest_sequence, s["targets"], shape.texts)

    def losses(self, s):
        from embed_model import MOST_SCALE, SCALE, SIZES, contrastive, truth, vectors
        n, d = self.shape.scenes, self.shape.documents
        hidden, features = self.run(s)
        pictures, queries, documents = hidden[:n], hidden[n:2 * n], hidden[2 * n:]
        with self.torch.no_grad():
            table = truth(s["claims"], s["facts"], F.BITS)
        with self.torch.autocast("cuda", enabled=False):
            scale = self.model.weights[SCALE].exp().clamp(max=MOST_SCALE)
            pairs = sum(w * contrastive(vectors(queries, size), vectors(pictures, size), scale, table) for size, w in SIZES.items()) / sum(SIZES.values())
            texts = contrastive(vectors(queries[:d]), vectors(documents), scale, table[:d, :d])
        return pairs, texts, self.model.dense_loss(features, s["kind"], s["color"])

    def total(self, pairs, texts, dense):
        return pairs + DOCUMENT_WEIGHT * texts + self.dense_weight * dense

    def evaluate(self, tests):
        """{row or kind: [found, asked]} over galleries packed at the batch's own shape."""
        from embed_model import vectors
        table, n = {}, self.shape.scenes
        for host, kinds, rows in tests:
            with self.autocast():
                hidden = self.run(self.inputs(to_device(host, self.device)))[0].detach()
            pictures, queries = vectors(hidden[:n]), vectors(hidden[n:2 * n])
            for g, row in enumerate(rows):
                part = slice(g * GALLERY, (g + 1) * GALLERY)
                found = recall(queries[part], pictures[part]).tolist()
                back = recall(pictures[part], queries[part]).tolist()
                for i, ok in enumerate(found):
                    keys = [row, "kind " + kinds[part][i]] if row == "fresh" else [row]
                    for key in keys:
                        entry = table.setdefault(key, [0, 0])
                        entry[0] += ok
                        entry[1] += 1
                if row == "fresh":
                    entry = table.setdefault("picture finds query", [0, 0])
                    entry[0] += sum(back)
                    entry[1] += len(back)
        return table


def tests_of(bank, tokenizer, shape):
    """One batch of galleries, filled up with scenes that are not asked for."""
    chosen, queries, rows = [], [], []
    wanted = [row for row, (_, _, count) in ROWS.items() for _ in range(count)]
    for g, row in enumerate(wanted[:shape.scenes // GALLERY]):
        scenes = scenes_of(row, bank, SEED + g)
        found, asked = gallery(scenes, PairPacker(scenes, tokenizer, shape))
        chosen += found
        queries += asked
        rows.append(row)
    packer = PairPacker(Scenes(bank, Split(), SEED - 1), tokenizer, shape)
    while len(chosen) < shape.scenes:
        chosen += packer.scenes.family(1)
        queries.append(packer.query(chosen[-1]))
    host = shape.empty()
    packer.pack(host, chosen, queries)
    return [(host, [kind for kind, _, _ in queries], rows)]


def summary(table):
    return " | ".join(f"{k} {100 * a / b:.1f}" for k, (a, b) in table.items())


def train(trainer, args, tests, tokenizer, began):
    from export_embed import write_folder
    trainer.feed.level.value = .25 if not args.init else 1.
    start, step, paused, curve = time.time(), 0, 0.0, []
    last, next_test, next_save = (time.time(), 0), 30., 120.
    trainer.feed.waited, result = 0.0, None
    while True:
        now = time.time() - start - paused
        if now >= args.seconds or time.time() - began > args.deadline:
            break
        share = now / args.seconds
        trainer.feed.level.value = 1. if args.init else min(1., .25 + share * 3)
        result = trainer.step(rate(args, share, step), args.dense * (1 - .8 * share))
        step += 1
        if step % 8 == 0:
            float(result[0])  # keeps clock and GPU together
        if step % 200 == 0 or step == 30:
            values, speed = [float(r) for r in result], (step - last[1]) / (time.time() - last[0])
            say(f"{now:7.1f} s step {step} pairs {values[0]:.4f} texts {values[1]:.4f} dense {values[2]:.3f} norm {values[3]:.2f} "
                f"scale {float(trainer.model.weights['aux/scale'].detach().exp()):.1f} {speed:.1f} steps/s waited {trainer.feed.waited:.1f} s again {trainer.feed.again}")
            last = (time.time(), step)
            if not math.isfinite(values[0]):
                say("training diverged")
                break
        if now >= next_test or now >= next_save:
            pause = time.time()
            if now >= next_test:
                table = trainer.evaluate(tests)
                curve.append({"seconds": round(now), "step": step, "loss": float(result[0]), "found": table})
                say(f"  at {now:.0f} s: {summary(table)}")
                next_test += 60
            if now >= next_save:
                write_folder(trainer.model, tokenizer, args.out + "/model-latest")
                next_save += 120
            paused += time.time() - pause
            last = (time.time(), step)
    say(f"stopped at {time.time() - start - paused:.0f} s, step {step}, waited {trainer.feed.waited:.1f} s for data, {trainer.feed.again} batches came again")
    return {"seconds": time.time() - start - paused, "step": step, "again": trainer.feed.again, "curve": curve}


def main():
    args, began = arguments(), time.time()
    os.makedirs(args.out, exist_ok=True)
    base = PairShape()
    shape = tiny_pairs() if args.tiny else PairShape(scenes=args.scenes, documents=args.scenes // 4, patches=args.scenes * (base.patches // base.scenes),
                                                     tokens=args.scenes * (base.tokens // base.scenes))
    merges, tokenizer = own_merges(), own_tokenizer()
    seed = WORKER_SEED + (10 if args.init else 0)  # no scene comes twice
    feed = PairFeed(pair_maker(args.assets, merges, shape, Split()), shape, args.workers, seed, args.device, 4 if args.tiny else 32)
    bank = Bank(args.assets)
    tests = tests_of(bank, tokenizer, shape)
    feed.start()
    say(f"data ready after {time.time() - began:.1f} s")
    compiled = args.device == "cuda" and not args.eager
    try:
        trainer = Trainer(args, bank, shape, feed, compiled)
        trainer.prepare()
    except Exception:
        if not compiled:
            raise
        traceback.print_exc()
        say("could not compile: once more without")
        feed.quiet(False)
        trainer = Trainer(args, bank, shape, feed, False)
        trainer.prepare()
    exported = [p for k, p in trainer.model.weights.items() if not k.startswith("aux")]
    say(f"{sum(p.numel() for p in exported)} parameters on {args.device}, ready after {time.time() - began:.1f} s")
    progress = train(trainer, args, tests, tokenizer, began)
    from export_embed import write_folder
    write_folder(trainer.model, tokenizer, args.out + "/model")
    progress["found"] = trainer.evaluate(tests)
    say(f"at the end: {summary(progress['found'])}")
    with open(args.out + "/log.json", "w") as f:
        json.dump(progress, f)
    feed.stop()
    say(f"done after {time.time() - began:.1f} s")


if __name__ == "__main__":
    main()
