"""Recall at 1 in the galleries of make_galleries.py, in torch.

    python3 evaluate_embed.py MODEL_FOLDER GALLERIES [--sizes 192 96 48]
"""
import common  # noqa: F401
import argparse, json
import torch
from embed_answer import Embedder, read_picture
from embed_model import vectors
from export_embed import load_model
from galleries import recall
from vocabulary import own_tokenizer


def table_of(folder, galleries, embedder, sizes):
    """{size: {row: [right, asked]}}"""
    out = {size: {} for size in sizes}

    def add(size, row, found):
        entry = out[size].setdefault(row, [0, 0])
        entry[0] += int(found.sum())
        entry[1] += len(found)
    for gallery in galleries:
        scenes, row = gallery["scenes"], gallery["row"]
        embed = {key: torch.stack([embedder.picture(read_picture(f"{folder}/{s[key]}")) if key in ("picture", "again") else embedder.text(s[key]) for s in scenes])
                 for key in ("picture", "query", *(("again", "caption", "other_caption") if row == "fresh" else ()))}
        for size in sizes:
            v = {key: vectors(h, size) for key, h in embed.items()}
            found = recall(v["query"], v["picture"])
            add(size, row, found)
            if row == "fresh":
                for kind in sorted({s["kind"] for s in scenes}):
                    add(size, "of these, " + kind, found[torch.tensor([s["kind"] == kind for s in scenes])])
                add(size, "picture finds query", recall(v["picture"], v["query"]))
                add(size, "picture finds picture", recall(v["again"], v["picture"]))
                told = torch.tensor([s["told_apart"] for s in scenes])
                add(size, "text finds text", recall(v["caption"], v["other_caption"])[told])
    return out


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("model")
    a.add_argument("galleries")
    a.add_argument("--sizes", nargs="*", type=int, default=[192, 96, 48])
    args = a.parse_args()
    with open(args.galleries + "/galleries.json") as f:
        galleries = json.load(f)
    made = table_of(args.galleries, galleries, Embedder(load_model(args.model), own_tokenizer()), args.sizes)
    for row in made[args.sizes[0]]:
        print(f"{row:28} {made[args.sizes[0]][row][1]:5}  " + "  ".join(f"{100 * made[s][row][0] / max(1, made[s][row][1]):5.1f} %" for s in args.sizes))


if __name__ == "__main__":
    main()
