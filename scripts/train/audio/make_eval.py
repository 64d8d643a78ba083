"""Write the evaluation set: clips as WAV files and questions about them. No sentence in it was trained on.

    python3 make_eval.py BUNDLE OUT [--clips 240]

OUT/questions.jsonl holds one {id, row, kind, audio, question, answer} a line; a clip is shared by three questions. Deterministic.
"""
import argparse, json, os, sys, wave
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import numpy as np
from clips import Maker, ROWS, single_turns
from tokens import Tokenizer

SEED = 500_000
NAMES = {ROWS[0]: "held-out voice (flite rms)", ROWS[1]: "held-out espeak-ng variants (linda, m3)", ROWS[2]: "seen flite voices", ROWS[3]: "seen espeak-ng voices", ROWS[4]: "sounds"}


def write_wave(path, samples, rate):
    with wave.open(path, "wb") as f:
        f.setnchannels(1), f.setsampwidth(2), f.setframerate(rate)
        f.writeframes(samples.astype(np.int16).tobytes())


def with_noise(samples, decibels, rng):
    """White noise so far below the clip's mean power."""
    x = samples.astype(np.float64)
    return np.clip(x + rng.standard_normal(len(x)) * x.std() * 10 ** (-decibels / 20), -32768, 32767)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("bundle"), a.add_argument("out"), a.add_argument("--clips", type=int, default=240)
    args = a.parse_args()
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "merges.json")) as f:
        tokenizer = Tokenizer(json.load(f))
    lines = []
    for number, (row, name) in enumerate(NAMES.items()):
        maker, seen, rng = Maker(args.bundle, tokenizer, SEED + number), set(), np.random.default_rng(SEED + number)
        while len(seen) < (args.clips if row != ROWS[4] else args.clips // 2):
            samples, rate, _, sort, talks, s = maker.clip(row)
            key = s.text if s else len(seen)
            if key in seen:
                continue
            seen.add(key)
            clips = [(name, samples)]
            if row == ROWS[0]:
                clips.append((f"{name}, white noise at 15 dB", with_noise(samples, 15, rng)))
            turns = single_turns(maker.rng, s, talks)
            for label, heard in clips:
                file = f"{number}-{len(seen):03}{'-noise' if label != name else ''}.wav"
                write_wave(f"{args.out}/{file}", heard, rate)
                for v, ((kind, question, answer),) in enumerate(turns):
                    group = "transcripts" if kind == "transcribe" else "questions"
                    lines.append({"id": f"{file}-{v}", "row": f"{label}: {group}", "kind": kind, "audio": file, "question": question, "answer": answer})
    with open(args.out + "/questions.jsonl", "w") as f:
        f.write("".join(json.dumps(line) + "\n" for line in lines))
    print(len(lines), "questions")


if __name__ == "__main__":
    main()
