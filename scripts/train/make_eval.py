"""Write the evaluation set: held-out and fresh questions over PNG pictures.

    python3 make_eval.py ASSETS OUT [--per-row 320]

OUT/questions.jsonl holds one {id, row, kind, images | frames, question, answer} a line; a picture is shared by several questions.
Deterministic: all seeds are fixed, those of the sensor noise too.
"""
import argparse, json, os
import numpy as np
import torch
from PIL import Image
from bpe import Tokenizer
from packing import Packer, Shape
from pictograms import HELD_DESIGN
from render import PATCH, Renderer
from sampler import Sampler
from scene import HELD_PAIRS, Split
from sprites import Bank

SCENES = {"shapes": .4, "pictograms": .4, "mixed": .2}
NEW_WORDS = dict(words="held", fonts="held")
LARGE = ((8, 8), (10, 10), (12, 12), (16, 16), (9, 16), (16, 9), (12, 16), (14, 18))
SMALL = ((4, 4), (4, 5), (5, 4), (3, 6))
BASIC = {"shape", "pictogram", "color", "count", "where", "exists"}
# Pools: what pictures are drawn from, and which kinds of question count for which row.
POOLS = [
    (dict(kinds=SCENES), {"shapes": {"shape"}, "pictograms": {"pictogram"}, "colours": {"color"}, "counts up to 6": {"count"}, "positions": {"where"},
                          "relations": {"relation"}, "is there a ...?": {"exists"}, "captions": {"caption"},
                          "can't tell": {"absent"}, "colour of the background": {"background"}}),
    (dict(kinds={"text": 1}, **NEW_WORDS), {"reading, new words in new fonts": {"read", "read_line"}, "text captions, new words in new fonts": {"read_caption"},
                                            'says "..."?, new words in new fonts': {"says"}}),
    (dict(kinds={"text": 1}), {"reading, seen words in seen fonts": {"read", "read_line"}}),
    (dict(kinds={"clip": 1}), {"clips": {"clip"}}),
    (dict(kinds={"album": 1}), {"several pictures": {"album"}}),
    (dict(kinds={"chart": 1}), {"bar charts": {"chart", "count"}}),
    (dict(kinds={"chart": 1}, **NEW_WORDS), {"bar charts, new words in new fonts": {"chart", "count"}}),
    (dict(kinds={"pictograms": 1}, designs=(HELD_DESIGN,)), {"new pictogram design, named": {"pictogram"}}),
    (dict(kinds={"shapes": 1}, pairs="held"), {"new colour-shape pairs": {"shape", "color", "count", "where", "exists"}}),
    (dict(kinds=SCENES, layouts="held"), {"new layouts": {"count", "where", "exists", "color", "relation"}}),
    (dict(kinds=SCENES, grids=SMALL), {"small pictures (84 x 168 to 140 x 112)": BASIC}),
    (dict(kinds=SCENES, grids=LARGE), {"large pictures (224 x 224 to 392 x 504)": BASIC}),
    (dict(kinds={"chat": 1}), {"chat": {"chat"}}),
]
MOST_PER_PICTURE, MOST_COUNTED, NOISY = 4, 6, .25
SHAPE = Shape(patches=6144, seconds=4096, frames=64, spans=64, tokens=8192, sequences=64, targets=4096, ink=1_000_000, longest_sequence=1200)


def pictures_of(renderer, batch, generator):
    """Frame number -> uint8 [h, w, 3]; only the rows in use are drawn."""
    used = np.flatnonzero(batch["rows_frame"] != SHAPE.frames - 1)
    frames, cells, out = batch["rows_frame"][used], batch["rows_cell"][used], {}
    drawn = {**{k: torch.from_numpy(v) for k, v in batch.items()}, "rows_frame": torch.from_numpy(frames), "rows_cell": torch.from_numpy(cells)}
    rgb = renderer.pixels(drawn, torch.randn(len(used), 3, PATCH * PATCH, generator=generator))
    pixels = (rgb.reshape(-1, 3, PATCH, PATCH).permute(0, 2, 3, 1) * 255).round().byte().numpy()
    for number in np.unique(frames):
        rows = np.flatnonzero(frames == number)
        h, w = (cells[rows].max(0) + 1) * PATCH
        image = np.zeros((h, w, 3), np.uint8)
        for row in rows:
            i, j = cells[row] * PATCH
            image[i:i + PATCH, j:j + PATCH] = pixels[row]
        out[int(number)] = image
    return out


class Ledger:
    """How many questions each row of a pool still wants."""

    def __init__(self, rows, count):
        self.rows, self.left, self.asked = rows, dict.fromkeys(rows, count), set()

    def choose(self, sample, take=False):
        """[(row, turn)] of this sample that are still wanted; with `take` they are counted."""
        out, per_row = [], {}
        for turn in sample.turns:
            kind, question, answer = turn
            for row, kinds in self.rows.items():
                if kind not in kinds or per_row.get(row, 0) >= min(self.left[row], MOST_PER_PICTURE) or unfit(row, kind, question, answer):
                    continue
                if row == "chat" and question in self.asked:
                    continue
                self.asked.add(question) if take else None
                per_row[row] = per_row.get(row, 0) + 1
                out.append((row, turn))
        if take:
            for row, n in per_row.items():
                self.left[row] -= n
        return out

    def done(self):
        return not any(self.left.values())


def unfit(row, kind, question, answer):
    if row == "counts up to 6":
        return int(answer[:-1]) > MOST_COUNTED
    return row == "new colour-shape pairs" and kind == "exists" and not any(f"{c} {s}" in question for c, s in HELD_PAIRS)


class Choosy:
    """A sampler that passes on only samples with a wanted question. Most get no sensor noise, so that the PNG files stay small."""

    def __init__(self, sampler, ledger):
        self.sampler, self.ledger, self.rng, self.bank = sampler, ledger, sampler.rng, sampler.bank

    def sample(self):
        for _ in range(3000):
            sample = self.sampler.sample()
            if self.ledger.choose(sample):
                break
        if self.rng.random() > NOISY:
            for medium in sample.media:
                for frame in medium:
                    frame.back[12] = 0
        return sample


def write_pool(renderer, tokenizer, bank, assets, out, number, count, files):
    """Questions of one pool, as records; their pictures are saved."""
    options, rows = POOLS[number]
    ledger, records, seed = Ledger(rows, count), [], 500_000 + 1000 * number
    packer = Packer(Choosy(Sampler(assets, bank, Split(**options), seed), ledger), tokenizer, SHAPE)
    generator, batch = torch.Generator().manual_seed(seed), SHAPE.empty()
    while not ledger.done():
        packer.fill(batch)
        images, frames_so_far, before = {}, 0, len(records)
        if any(sample.media for sample in packer.taken):
            images = pictures_of(renderer, batch, generator)
        for sample in packer.taken:
            first, frames_so_far = frames_so_far, frames_so_far + sum(len(m) for m in sample.media)
            chosen = ledger.choose(sample, take=True)
            if not chosen:
                continue
            names = []
            for i in range(first, frames_so_far):
                names.append(f"{len(files):05d}.png")
                files.append(names[-1])
                Image.fromarray(images[i]).save(f"{out}/{names[-1]}", optimize=True)
            media = {"frames": names} if sample.kind == "clip" else {"images": names}
            for row, (kind, question, answer) in chosen:
                records.append({"id": f"{number:02d}-{len(records):04d}", "row": row, "kind": kind, **media, "question": question, "answer": answer})
        if len(records) == before:
            break  # nothing new to be had: the chat has only so many questions
    return records


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("assets")
    a.add_argument("out")
    a.add_argument("--per-row", type=int, default=320)
    args = a.parse_args()
    os.makedirs(args.out, exist_ok=True)
    with open(args.assets + "/merges.json") as f:
        tokenizer = Tokenizer(json.load(f))
    bank, files = Bank(args.assets), []
    renderer = Renderer(bank, SHAPE, "cpu", False)
    with open(args.out + "/questions.jsonl", "w") as f:
        for number in range(len(POOLS)):
            records = write_pool(renderer, tokenizer, bank, args.assets, args.out, number, args.per_row, files)
            f.writelines(json.dumps(r) + "\n" for r in records)
            f.flush()
            print(f"{', '.join(POOLS[number][1])}: {len(records)} questions, {len(files)} pictures so far", flush=True)


if __name__ == "__main__":
    main()
