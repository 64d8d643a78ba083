"""Batches of pairs made on the CPU cores while the GPU trains."""
import common  # noqa: F401
import ctypes
import multiprocessing
import os
import queue
import random
import signal
import threading
import numpy as np
from bpe import Tokenizer
from feed import Feed
from pair_packing import PairPacker
from pairs import Scenes
from sprites import Bank


def work(assets, merges, shape, split, seed, memory, free, ready, level):
    """One worker: takes a free slot, fills it, hands it over, for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)
    scenes = Scenes(Bank(assets, pixels=False), split, seed)
    packer = PairPacker(scenes, Tokenizer(merges), shape)
    buffer, size = np.frombuffer(memory, np.uint8), shape.nbytes() // 64 * 64
    while True:
        slot = free.get()
        scenes.level = level.value
        packer.fill(shape.views(buffer[slot * size:(slot + 1) * size]))
        ready.put(slot)


class PairFeed(Feed):
    """As `Feed`; when data is short, a batch among the last ones comes again (drawn with fresh noise)."""
    RECENT = 48

    def __init__(self, assets, merges, shape, split, workers, seed, device, slots):
        context = multiprocessing.get_context("fork")
        self.shape, self.device, self.size = shape, device, shape.nbytes() // 64 * 64
        self.memory = context.RawArray(ctypes.c_ubyte, self.size * slots)
        self.buffer, self.level = np.frombuffer(self.memory, np.uint8), context.Value("d", 0.0)
        self.free, self.ready = context.Queue(), context.Queue()
        for slot in range(slots):
            self.free.put(slot)
        self.processes = [context.Process(target=work, daemon=True, args=(assets, merges, shape, split, seed * 1000 + i, self.memory, self.free, self.ready, self.level))
                          for i in range(workers)]
        for process in self.processes:
            process.start()
        self.waiting, self.waited = queue.Queue(4), 0.0
        self.paused, self.idle = threading.Event(), threading.Event()
        self.recent, self.again, self.rng = [], 0, random.Random(3)

    def next(self):
        if self.waiting.empty() and len(self.recent) >= self.RECENT // 4:
            self.again += 1
            return self.rng.choice(self.recent)
        batch = super().next()
        self.recent = [*self.recent[-self.RECENT + 1:], batch]
        return batch
