"""Greedy answers of the model in training, word error rate and exact match per row."""
import re
import numpy as np
import torch
from clips import FIRST_VARIANT, TOKENS, VARIANTS
from pool import LONGEST_TEXT, arrange
from tokens import TARGET

ROOM = 56  # tokens for an answer


def plain_words(text):
    return re.sub(r"[^a-z0-9' ]", "", text.lower()).split()


def edits(a, b):
    """Word edits that turn a into b."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


class Evaluation:
    """chunks: {row: [(place in the pool, what was made)]}"""

    def __init__(self, pool, chunks, tokenizer):
        self.pool, self.chunks, self.tokenizer = pool, chunks, tokenizer

    def answers(self, trainer, chunk, made):
        """[(kind, question, expected, given)] of a chunk's clips, all variants."""
        out, model = [], trainer.model
        rows = self.pool.tables[chunk][:len(made)]
        step = 0
        while step < len(rows):
            part = rows[step:]
            ints, floats, spans, _, k = arrange(np.random.default_rng(0), np.full(len(part), chunk), part, np.zeros(len(part), np.int64), trainer.features_shape, 0, plain=True)
            s = trainer.inputs(ints, floats, spans, None, augment=False)
            with trainer.autocast():
                sound = model.project(model.encode(s["mel"], s["frame_mask"], s["row_place"], s["row_mask"], s["spans"]))
            for v in range(VARIANTS):
                texts = self.generate(model, trainer, sound, ints, part[:k], chunk, v)
                for i, text in enumerate(texts):
                    kind, question, expected = made[step + i][0][v][0]
                    out.append((kind, question, expected, text))
            step += k
        return out

    def generate(self, model, trainer, sound, ints, rows, chunk, v):
        """Greedy answers; all conversations lie end to end with room for the answers, filled one token at a time."""
        device, tokens_of = trainer.device, self.pool.tensors["tokens"][chunk * TOKENS:(chunk + 1) * TOKENS].cpu().numpy()
        flat, at, is_sound, places, ends, heads = [], [], [], [], [0], []
        for i, row in enumerate(rows):
            start, before, total = row[FIRST_VARIANT + 3 * v:FIRST_VARIANT + 3 * v + 3]
            ids = tokens_of[start:start + total]
            asked = int(np.argmax(ids >= TARGET))  # the answer's first token
            count, first = int(ints[i, 10]), int(ints[i, 8]) // 8
            text = [*ids[:before], *[0] * count, *ids[before:asked]]
            heads.append(len(flat) + len(text) - 1)
            flat += text + [0] * ROOM
            at += [0] * before + list(range(first, first + count)) + [0] * (asked - before + ROOM)
            is_sound += [False] * before + [True] * count + [False] * (asked - before + ROOM)
            places += range(len(text) + ROOM)
            ends.append(len(flat))
        put = lambda x, kind: torch.tensor(np.array(x), dtype=kind, device=device)
        tokens, heads = put(flat, torch.long), put(heads, torch.long)
        fixed = put(at, torch.long), put(is_sound, torch.bool)[:, None], put(places, torch.long), put(ends, torch.int32)
        stop, done, given = self.tokenizer.special["<|eot_id|>"], torch.zeros(len(rows), dtype=torch.bool, device=device), []
        for n in range(ROOM - 1):
            with trainer.autocast():
                hidden = model.text(tokens, sound, *fixed, LONGEST_TEXT + ROOM)
                pick = model.logits(hidden[heads + n]).argmax(-1)
            pick = torch.where(done, torch.full_like(pick, stop), pick)
            done |= pick == stop
            given.append(pick)
            tokens[heads + n + 1] = pick
            if n % 8 == 7 and bool(done.all()):
                break
        table = torch.stack(given, 1).cpu().tolist()
        return [self.tokenizer.decode(ids[:ids.index(stop)] if stop in ids else ids) for ids in table]

    @torch.no_grad()
    def run(self, trainer, most_chunks=99):
        """{row: {"wer": %, "words": n, "right": %, "asked": n, "kinds": {kind: [right, asked]}, "wrong": examples}}"""
        report = {}
        for row, chunks in self.chunks.items():
            wrong_words = words = 0
            kinds, wrong = {}, []
            for chunk, made in chunks[:most_chunks]:
                for kind, question, expected, given in self.answers(trainer, chunk, made):
                    if kind == "transcribe":
                        wrong_words += edits(plain_words(expected), plain_words(given))
                        words += len(plain_words(expected))
                    entry = kinds.setdefault(kind, [0, 0])
                    entry[0] += expected == given
                    entry[1] += 1
                    if expected != given and len(wrong) < 40:
                        wrong.append((question, expected, given))
            others = [v for k, v in kinds.items() if k != "transcribe"]
            report[row] = {"wer": 100 * wrong_words / max(1, words), "words": words, "right": 100 * sum(a for a, _ in others) / max(1, sum(b for _, b in others)),
                           "asked": sum(b for _, b in others), "kinds": kinds, "wrong": wrong}
        return report


def summary(report):
    return "\n".join(f"    {row:22} WER {r['wer']:5.1f} % of {r['words']} words | answers {r['right']:5.1f} % of {r['asked']} | "
                     + " ".join(f"{k} {100 * a / b:.0f}" for k, (a, b) in sorted(r["kinds"].items())) for row, r in report.items())
