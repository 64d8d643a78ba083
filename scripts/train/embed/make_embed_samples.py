"""Pick one small gallery for committed tests: scenes whose files are small, with the scores that torch gives in float32.

    python3 make_embed_samples.py MODEL_FOLDER GALLERIES OUT [--count 20] [--row fresh]

Writes OUT/*.png and OUT/samples.json: [{picture, query, score, runner_up}], where score is the dot product of the query's vector with its own
picture's and runner_up the largest with any other picture of the samples. Scenes are taken right or wrong, by the size of their files alone.
"""
import common  # noqa: F401
import argparse, json, os
import torch
from PIL import Image
from embed_answer import Embedder, read_picture
from embed_model import vectors
from export_embed import load_model
from vocabulary import own_tokenizer


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("model")
    a.add_argument("galleries")
    a.add_argument("out")
    a.add_argument("--count", type=int, default=20)
    a.add_argument("--row", default="fresh")
    args = a.parse_args()
    os.makedirs(args.out, exist_ok=True)
    with open(args.galleries + "/galleries.json") as f:
        gallery = next(g for g in json.load(f) if g["row"] == args.row)
    size = lambda scene: os.path.getsize(f"{args.galleries}/{scene['picture']}")
    chosen = sorted(sorted(gallery["scenes"], key=size)[:args.count], key=lambda s: s["picture"])
    embedder, samples = Embedder(load_model(args.model), own_tokenizer()), []
    pictures = vectors(torch.stack([embedder.picture(read_picture(f"{args.galleries}/{s['picture']}")) for s in chosen]))
    scores = vectors(torch.stack([embedder.text(s["query"]) for s in chosen])) @ pictures.t()
    for i, scene in enumerate(chosen):
        others = torch.cat((scores[i, :i], scores[i, i + 1:]))
        Image.open(f"{args.galleries}/{scene['picture']}").save(f"{args.out}/{scene['picture']}", optimize=True)
        samples.append({"picture": scene["picture"], "query": scene["query"], "score": round(float(scores[i, i]), 6), "runner_up": round(float(others.max()), 6)})
    with open(args.out + "/samples.json", "w") as f:
        json.dump(samples, f, indent=1)
    print(len(samples), "samples,", sum(map(size, chosen)), "bytes,", sum(s["score"] > s["runner_up"] for s in samples), "found")


if __name__ == "__main__":
    main()
