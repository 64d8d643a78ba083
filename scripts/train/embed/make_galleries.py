"""Write galleries as PNG files with their queries, for measuring retrieval anywhere.

    python3 make_galleries.py ASSETS OUT [--fresh 6] [--others 2]

OUT/galleries.json: [{row, scenes: [{picture, kind, query, again, caption, other_caption, told_apart}]}]. A query is true of its own scene
only, among those of its gallery. The last four in the row `fresh` only: `again` is the same scene drawn anew (other backdrop effects,
another noise, things moved by up to 2 % of the side), the captions put the whole scene into words twice, and `told_apart` says whether
the first is true of no other scene. Deterministic: all seeds are fixed.
"""
import common  # noqa: F401
import argparse, copy, json, os
import numpy as np
import torch
from PIL import Image
from render import PATCH, Renderer
from sprites import Bank
from galleries import GALLERY, ROWS, gallery, scenes_of
from pair_packing import PairPacker, PairShape
from pairs import Scene
from vocabulary import own_tokenizer

SEED = 800_000
ONE = PairShape(scenes=1, documents=0, patches=144, tokens=1024)


def redrawn(rng, scene):
    """The scene with every thing nudged, so that it is the same to a viewer."""
    w, h = scene.size
    things = [copy.copy(t) for t in scene.things]
    for t in things:
        t.x += rng.uniform(-.02, .02) * w
        t.y += rng.uniform(-.02, .02) * h
        t.r *= rng.uniform(.94, 1.04)
    return Scene(things, scene.behind, scene.grid)


class Painter:
    def __init__(self, bank, tokenizer):
        self.renderer, self.batch, self.tokenizer = Renderer(bank, ONE, "cpu", False), ONE.empty(), tokenizer

    def picture(self, scenes, scene, generator):
        """uint8 [h, w, 3]"""
        PairPacker(scenes, self.tokenizer, ONE).pack(self.batch, [scene], [("", "", set())])
        n = scene.grid[0] * scene.grid[1] * 4
        drawn = {k: torch.from_numpy(v.copy()) for k, v in self.batch.items()}
        drawn |= {"rows_frame": drawn["rows_frame"][:n], "rows_cell": drawn["rows_cell"][:n], "ink": torch.zeros(ONE.ink, dtype=torch.uint8)}
        rgb = self.renderer.pixels(drawn, torch.randn(n, 3, PATCH * PATCH, generator=generator))
        pixels, cells = (rgb.reshape(-1, 3, PATCH, PATCH).permute(0, 2, 3, 1) * 255).round().byte().numpy(), self.batch["rows_cell"]
        image = np.zeros((scene.grid[0] * 28, scene.grid[1] * 28, 3), np.uint8)
        for patch, (i, j) in zip(pixels, cells[:n] * PATCH):
            image[i:i + PATCH, j:j + PATCH] = patch
        return image


def captions(scenes, packer, chosen):
    """(caption, other caption, whether the first is true of this scene alone) of every scene: two wordings of the whole of it."""
    facts = [scene.facts() for scene in chosen]
    for i, scene in enumerate(chosen):
        text, claims = scene.wording(scenes.rng).query("full")
        told_apart = len(scene.things) < 6 and not any(claims <= other for other in facts[:i] + facts[i + 1:])
        yield "Query: " + text, packer.document(scene), told_apart


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("assets")
    a.add_argument("out")
    a.add_argument("--fresh", type=int, default=6, help="galleries of the row `fresh`")
    a.add_argument("--others", type=int, default=2, help="galleries of each other row")
    a.add_argument("--scenes", type=int, default=GALLERY)
    a.add_argument("--rows", nargs="*", default=list(ROWS))
    a.add_argument("--seed", type=int, default=SEED)
    args = a.parse_args()
    tokenizer, bank = own_tokenizer(), Bank(args.assets)
    painter, out, generator = Painter(bank, tokenizer), [], torch.Generator().manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)
    for number, row in enumerate(row for row in args.rows for _ in range(args.fresh if row == "fresh" else args.others)):
        scenes = scenes_of(row, bank, args.seed + number)
        packer = PairPacker(scenes, tokenizer, PairShape())
        records = []
        chosen, queries = gallery(scenes, packer, args.scenes)
        for i, (scene, (kind, text, _), told) in enumerate(zip(chosen, queries, captions(scenes, packer, chosen))):
            record = {"picture": f"g{number:02}-{i:03}.png", "kind": kind, "query": text}
            Image.fromarray(painter.picture(scenes, scene, generator)).save(f"{args.out}/{record['picture']}")
            if row == "fresh":
                record |= {"again": f"g{number:02}-{i:03}-again.png", **dict(zip(("caption", "other_caption", "told_apart"), told))}
                Image.fromarray(painter.picture(scenes, redrawn(scenes.rng, scene), generator)).save(f"{args.out}/{record['again']}")
            records.append(record)
        out.append({"row": row, "scenes": records})
    with open(args.out + "/galleries.json", "w") as f:
        json.dump(out, f, indent=1)
    print(len(out), "galleries,", sum(len(g["scenes"]) for g in out), "scenes")


if __name__ == "__main__":
    with torch.no_grad():
        main()
