"""Batches of pairs made on the CPU cores while the GPU trains."""
import common  # noqa: F401
import random
from bpe import Tokenizer
from feed import Feed
from pair_packing import PairPacker
from pairs import Scenes
from sprites import Bank


def pair_maker(assets, merges, shape, split):
    """What a worker of the feed fills batches with."""
    def make(seed):
        scenes = Scenes(Bank(assets, pixels=False), split, seed)
        return scenes, PairPacker(scenes, Tokenizer(merges), shape)
    return make


class PairFeed(Feed):
    """As `Feed`; when data is short, a batch among the last ones comes again (drawn with fresh noise)."""
    RECENT = 48

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.recent, self.again, self.rng = [], 0, random.Random(3)

    def next(self):
        if self.waiting.empty() and len(self.recent) >= self.RECENT // 4:
            self.again += 1
            return self.rng.choice(self.recent)
        batch = super().next()
        self.recent = [*self.recent[-self.RECENT + 1:], batch]
        return batch
