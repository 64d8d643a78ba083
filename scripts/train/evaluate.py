"""Answer the evaluation set in torch and print exact match per row.

    python3 evaluate.py MODEL_FOLDER EVAL_FOLDER [--device cuda] [--wrong 3]
"""
import argparse, json
import numpy as np
import torch
from PIL import Image
from answer import Prompt, exact
from bpe import Tokenizer
from conversation import Writer
from export import load_model

GROUP_PATCHES = 6000


def tokenizer_of(folder):
    with open(folder + "/merges.txt") as f:
        return Tokenizer([line.split() for line in f.read().splitlines()[1:]])


def groups(records, folder, writer):
    """Records with their prompts, a few thousand patches at a time."""
    group, patches, pictures = [], 0, {}
    for record in records:
        names = record.get("frames") or record["images"]
        for name in names:
            if name not in pictures:
                pictures[name] = np.asarray(Image.open(f"{folder}/{name}").convert("RGB"))
                patches += pictures[name].shape[0] * pictures[name].shape[1] // 196
        media = [pictures[name] for name in names]
        group.append((record, Prompt(writer, media, "frames" in record, record["question"], record["answer"])))
        if patches > GROUP_PATCHES:
            yield group
            group, patches, pictures = [], 0, {}
    if group:
        yield group


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("model")
    a.add_argument("folder")
    a.add_argument("--device", default="cpu")
    a.add_argument("--wrong", type=int, default=0, help="print so many misses per row")
    args = a.parse_args()
    tokenizer = tokenizer_of(args.model)
    model, table = load_model(args.model, tokenizer, args.device), {}
    with open(args.folder + "/questions.jsonl") as f:
        records = [json.loads(line) for line in f]
    for group in groups(records, args.folder, Writer(tokenizer)):
        for (record, _), right in zip(group, exact(model, [p for _, p in group], args.device)):
            row = table.setdefault(record["row"], [0, 0, []])
            row[0] += right
            row[1] += 1
            if not right:
                row[2].append(record)
    for name, (right, asked, missed) in table.items():
        print(f"| {name} | {100 * right / asked:.1f} | {asked} |")
        for record in missed[:args.wrong]:
            print("     ", record["images"] if "images" in record else record["frames"], record["question"], "->", record["answer"])


if __name__ == "__main__":
    with torch.no_grad():
        main()
