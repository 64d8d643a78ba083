"""Clips of the held-out voice with transformers' answers, for the repository's tests.

    python3 make_samples.py MODEL EVAL OUT       EVAL: made by make_eval.py

Takes the first short clips that the model answers rightly; OUT gets at most 148 kB of WAV files and samples.json.
"""
import json, os, shutil, sys
from verify import Reference, read_wave

MOST_BYTES, CLIPS = 148_000, 3


def main(folder, evaluation, out):
    reference = Reference(folder)
    with open(evaluation + "/questions.jsonl") as f:
        lines = [json.loads(line) for line in f]
    held = [line for line in lines if line["row"].startswith("held-out voice (flite rms):")]
    samples, used = [], 0
    for clip in dict.fromkeys(line["audio"] for line in held):
        size, asked = os.path.getsize(f"{evaluation}/{clip}"), [line for line in held if line["audio"] == clip]
        if size > MOST_BYTES // CLIPS or used + size > MOST_BYTES or len(asked[0]["answer"].split()) < 3:
            continue
        heard = read_wave(f"{evaluation}/{clip}")
        given = [reference.answer(heard, line["question"])[0] for line in asked]
        if given != [line["answer"] for line in asked]:
            continue
        samples += [{"audio": clip, "question": line["question"], "answer": line["answer"], "model_answer": text} for line, text in zip(asked, given)]
        shutil.copy(f"{evaluation}/{clip}", f"{out}/{clip}")
        used += size
        if len(samples) == 3 * CLIPS:
            break
    with open(out + "/samples.json", "w") as f:
        json.dump(samples, f, indent=2)
        f.write("\n")
    print(len(samples), "questions,", used, "bytes")


if __name__ == "__main__":
    main(*sys.argv[1:4])
