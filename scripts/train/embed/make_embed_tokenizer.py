"""Train the tokenizer of the embedding model on queries, captions and the prompts around them.

    python3 make_embed_tokenizer.py ASSETS        writes merges.txt beside this file
"""
import common  # noqa: F401
import sys
from conversation import SYSTEM
from pictograms import NAMES
from scene import Split
from sprites import Bank
import bpe
from pair_packing import ASKED
from pairs import Scenes
from vocabulary import MERGES

SIZE = 498  # with 14 special tokens 512 rows


def corpus(assets):
    scenes = Scenes(Bank(assets, pixels=False), Split(), 7)
    for _ in range(3000):
        for scene in scenes.family(4):
            words = scene.wording(scenes.rng)
            yield "Query: " + words.any_query()[1]
    for _ in range(1500):
        yield from ("Document: ", *NAMES) if scenes.rng.random() < .02 else ("Document: ",)
    yield from ["system\n" + SYSTEM, "user\n", "assistant\n", "\n", ASKED] * 20000


def main(assets):
    texts = list(corpus(assets))
    merges = bpe.train(texts, SIZE)
    MERGES.write_text("".join(f"{a} {b}\n" for a, b in merges))
    tokenizer = bpe.Tokenizer(merges)
    queries = [t for t in texts if t.startswith("Query: ")]
    print(len(merges), "merges,", tokenizer.size, "rows,", sum(len(tokenizer.encode(t)) for t in queries) / len(queries), "tokens a query, at most", max(len(tokenizer.encode(t)) for t in queries))
    print(len(tokenizer.encode("system\n" + SYSTEM)), len(tokenizer.encode(ASKED)))


if __name__ == "__main__":
    main(*sys.argv[1:])
