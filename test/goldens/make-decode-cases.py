"""Writes FAMILY/decode_cases.json: what the `tokenizers` library makes of token ids and of text whose special tokens are plain.

    pip install tokenizers==0.23.2
    python test/goldens/make-decode-cases.py

Ids come from a seeded generator, so many sequences hold broken UTF-8; others are real texts cut at any token.
"""

import json
import random
from pathlib import Path

from tokenizers import Tokenizer

GOLDENS = Path(__file__).parent
FAMILIES = ["llava", "phi3_v", "qwen2_vl", "minicpmv", "ultravox"]
TEXTS = [
    "👩‍👩‍👧 family 🇩🇪 flag ❤️",
    "مرحبا بالعالم and עברית",
    "  two leading spaces\n\ttab",
    "日本語 สวัสดี नमस्ते",
    "\ufeffmark first",
    "e\u0301 combining \u200b zero width",
]


def specials(tok):
    return [t.content for t in tok.get_added_tokens_decoder().values() if t.special]


def sequences(tok, rng):
    size = tok.get_vocab_size(with_added_tokens=True)
    special_ids = [tok.token_to_id(s) for s in specials(tok)]
    for length in (1, 2, 3, 5, 8, 13, 24):
        for _ in range(3):
            yield [rng.randrange(size) for _ in range(length)]
    for text in TEXTS:
        ids = tok.encode(text, add_special_tokens=False).ids
        yield ids
        yield ids[rng.randrange(len(ids)):]
        yield ids[: rng.randrange(1, len(ids))]
        yield [x for i in ids for x in ([i, rng.choice(special_ids)] if rng.random() < 0.3 else [i])]


def family_cases(name):
    tok = Tokenizer.from_file(str(GOLDENS / name / "checkpoint" / "tokenizer.json"))
    rng = random.Random(20 + FAMILIES.index(name))
    decoded = [
        {"ids": ids, "text": tok.decode(ids, skip_special_tokens=False), "skipped": tok.decode(ids, skip_special_tokens=True)}
        for ids in sequences(tok, rng)
    ]
    texts = [f"a{s}b {s} c" for s in specials(tok)[:6]] + ["".join(specials(tok)), specials(tok)[0], ""]
    tok.encode_special_tokens = True
    plain = [{"text": t, "ids": tok.encode(t, add_special_tokens=False).ids} for t in texts]
    return {"decoded": decoded, "plain": plain}


def rows(cases):
    return "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]"


def main():
    for name in FAMILIES:
        cases = family_cases(name)
        text = ",\n".join(f"{json.dumps(key)}: {rows(value)}" for key, value in cases.items())
        (GOLDENS / name / "decode_cases.json").write_text("{\n" + text + "\n}\n")


main()
