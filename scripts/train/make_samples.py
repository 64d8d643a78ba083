"""Pick a small sample of the evaluation set for committed tests, with the model's own greedy answers in float32.

    python3 make_samples.py MODEL_FOLDER EVAL_FOLDER OUT [--per-row 2]

Writes OUT/*.png and OUT/samples.json: [{id, row, images | frames, question, answer, model_answer}]. Of each row the first questions
whose pictures are small and small files are taken, right or wrong, no two about the same picture.
"""
import argparse, json, os, shutil
import numpy as np
import torch
from PIL import Image
from answer import Prompt, greedy
from conversation import Writer
from evaluate import tokenizer_of
from export import load_model

SMALL_FILE, SMALL_AREA = 14_000, 80_000  # bytes of a file, pixels of all pictures of a question


def pick(records, folder, per_row, skip):
    """The first `per_row` records of every row whose pictures are small and not yet used."""
    chosen, used, count = [], set(), {}
    for record in records:
        names = record.get("frames") or record["images"]
        small = all(os.path.getsize(f"{folder}/{n}") < SMALL_FILE / (2 if len(names) > 2 else 1) for n in names)
        small = small and sum(w * h for w, h in (Image.open(f"{folder}/{n}").size for n in names)) <= SMALL_AREA
        if record["id"] not in skip and count.get(record["row"], 0) < per_row and small and len(names) <= 4 and not used.intersection(names):
            count[record["row"]] = count.get(record["row"], 0) + 1
            used.update(names)
            chosen.append(record)
    return chosen


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("model")
    a.add_argument("folder")
    a.add_argument("out")
    a.add_argument("--per-row", type=int, default=2)
    a.add_argument("--skip", nargs="*", default=[], help="ids to leave out: the word list holds words that do not suit every eye")
    args = a.parse_args()
    os.makedirs(args.out, exist_ok=True)
    tokenizer = tokenizer_of(args.model)
    model, writer = load_model(args.model, tokenizer), Writer(tokenizer)
    with open(args.folder + "/questions.jsonl") as f:
        chosen = pick([json.loads(line) for line in f], args.folder, args.per_row, args.skip)
    samples = []
    for record in chosen:
        names = record.get("frames") or record["images"]
        media = [np.asarray(Image.open(f"{args.folder}/{n}").convert("RGB")) for n in names]
        said = greedy(model, [Prompt(writer, media, "frames" in record, record["question"])], tokenizer)[0]
        for n in names:
            shutil.copy(f"{args.folder}/{n}", args.out)
        samples.append({k: v for k, v in record.items() if k != "kind"} | {"model_answer": said})
    with open(args.out + "/samples.json", "w") as f:
        json.dump(samples, f, indent=1)
    print(len(samples), "samples,", sum(s["answer"] == s["model_answer"] for s in samples), "answered rightly")


if __name__ == "__main__":
    with torch.no_grad():
        main()
