"""The embedding model's own tokenizer: its merges lie beside this file, one pair a line."""
import common  # noqa: F401
from pathlib import Path
from bpe import Tokenizer

MERGES = Path(__file__).parent / "merges.txt"


def own_merges():
    return [tuple(line.split(" ")) for line in MERGES.read_text().splitlines()]


def own_tokenizer():
    return Tokenizer(own_merges())
