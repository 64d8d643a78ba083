"""Data made on the CPU cores while the GPU trains: worker processes fill batches in shared memory, a thread copies them over."""
import ctypes
import multiprocessing
import os
import queue
import signal
import threading
import time
import numpy as np


def work(maker, shape, seed, memory, free, ready, level):
    """One worker: takes a free slot, fills it, hands it over, for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)
    source, packer = maker(seed)
    buffer, size = np.frombuffer(memory, np.uint8), shape.nbytes() // 64 * 64
    while True:
        slot = free.get()
        source.level = level.value
        packer.fill(shape.views(buffer[slot * size:(slot + 1) * size]))
        ready.put(slot)


class Feed:
    """Start it before anything touches the GPU: the workers are forked.

    maker: seed -> (what draws samples, its packer); each worker calls it once. level: 0 easy to 1, told to what draws.
    """

    def __init__(self, maker, shape, workers, seed, device, slots):
        context = multiprocessing.get_context("fork")
        self.shape, self.device, self.size = shape, device, shape.nbytes() // 64 * 64
        self.memory = context.RawArray(ctypes.c_ubyte, self.size * slots)
        self.buffer, self.level = np.frombuffer(self.memory, np.uint8), context.Value("d", 0.0)
        self.free, self.ready = context.Queue(), context.Queue()
        for slot in range(slots):
            self.free.put(slot)
        self.processes = [context.Process(target=work, daemon=True, args=(maker, shape, seed * 1000 + i, self.memory, self.free, self.ready, self.level))
                          for i in range(workers)]
        for process in self.processes:
            process.start()
        self.waiting, self.waited = queue.Queue(4), 0.0
        self.paused, self.idle = threading.Event(), threading.Event()

    def start(self):
        threading.Thread(target=self.pump, daemon=True).start()

    def pump(self):
        import torch
        stream = torch.cuda.Stream() if self.device == "cuda" else None
        while True:
            while self.paused.is_set():
                self.idle.set()
                time.sleep(.01)
            self.idle.clear()
            try:
                slot = self.ready.get(timeout=.2)
            except queue.Empty:
                continue
            views = self.shape.views(self.buffer[slot * self.size:(slot + 1) * self.size])
            batch = to_device(views, self.device, stream)
            self.free.put(slot)
            while not self.paused.is_set():
                try:
                    self.waiting.put(batch, timeout=.2)
                    break
                except queue.Full:
                    continue

    def quiet(self, on):
        """Nothing may touch the GPU beside a graph's capture: True waits until the thread rests."""
        if on:
            self.idle.clear()
            self.paused.set()
            self.idle.wait(20)
        else:
            self.paused.clear()

    def next(self):
        start = time.time()
        batch = self.waiting.get(timeout=120)
        self.waited += time.time() - start
        if self.device == "cuda":
            import torch
            for value in batch.values():
                value.record_stream(torch.cuda.current_stream())
        return batch

    def stop(self):
        for process in self.processes:
            process.terminate()


def to_device(views, device, stream=None):
    """Copies of the batch's arrays as tensors; `weights` marks the real targets."""
    import torch
    host = {name: torch.from_numpy(array.copy()) for name, array in views.items()}
    host["weights"] = (torch.arange(len(host["targets"])) < int(views["counts"][0])).float()
    if device == "cpu":
        return host
    if stream is None:
        return {name: t.to(device) for name, t in host.items()}
    with torch.cuda.stream(stream):
        moved = {name: t.pin_memory().to(device, non_blocking=True) for name, t in host.items()}
    stream.synchronize()
    return moved
