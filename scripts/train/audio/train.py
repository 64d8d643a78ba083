"""Train the model from nothing on one GPU; the schedule follows the clock.

    python3 train.py --bundle BUNDLE --out OUT --seconds 500
    python3 train.py --bundle BUNDLE --out OUT2 --seconds 500 --init OUT/model --seed 2
    python3 train.py --bundle BUNDLE --out OUT --seconds 40 --dry        a dry run without a GPU

BUNDLE: the synthesisers (make_bundle.sh). Writes OUT/model (a Hugging Face folder) every two minutes and at the end, OUT/log.json beside it.
"""
import argparse, json, math, os, sys, tarfile, time
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # one small kernel is compiled
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]
sys.path.append(os.path.join(HERE, ".."))
import numpy as np
from clips import ROWS, VARIANTS, Workers
from loop import Updates, rate, say
from tokens import Tokenizer


def arguments():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--bundle", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--seconds", type=float, required=True)
    a.add_argument("--init", default="", help="an exported folder to start from instead of random weights")
    a.add_argument("--dry", action="store_true", help="tiny, on the CPU")
    a.add_argument("--workers", type=int, default=14)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--lr", type=float, default=3e-3)
    a.add_argument("--flat", type=float, default=.45, help="share of the time before the cosine decay")
    a.add_argument("--warm", type=int, default=300, help="warm-up steps")
    a.add_argument("--dense", type=float, default=.6, help="first weight of the phonemes; falls to a tenth")
    a.add_argument("--frames", type=int, default=81920, help="frames of 10 ms in a batch")
    a.add_argument("--texts", type=int, default=26624, help="tokens in a batch")
    a.add_argument("--clips", type=int, default=416)
    a.add_argument("--chunks", type=int, default=2400, help="chunks in the pool, 6.9 MB of GPU memory each")
    a.add_argument("--fill", type=int, default=220, help="chunks to wait for before training starts")
    a.add_argument("--eager", action="store_true", help="no CUDA graph")
    a.add_argument("--deadline", type=float, default=1e9, help="wall-clock seconds after the start by which everything is done; shortens --seconds")
    a.add_argument("--pack", default="", help="a tar file that gets the model folder each time it is written")
    args = a.parse_args()
    if args.dry:
        args.frames, args.texts, args.clips, args.chunks, args.fill, args.workers, args.warm = 2048, 1024, 12, 12, 1, 1, 4
    return args


class Trainer(Updates):
    """The model and batches of clips out of the pool, which `pump` keeps filling."""

    def __init__(self, args, tokenizer, pool, pump):
        import torch
        from audio_model import AudioModel, Config
        from features import Features
        from layers import check_attention
        from phones import FLITE
        self.args, self.pool, device = args, pool, pool.device
        torch.manual_seed(args.seed)
        self.features_shape = (args.frames, args.texts, args.clips)
        self.features = Features(pool.tensors, *self.features_shape, device, device == "cuda")
        model = AudioModel(Config(vocab=tokenizer.size), device)
        if device == "cuda":
            check_attention(model.attend, 5, 32, 384)
        super().__init__(model, pump, args.lr, device, compiled=False)
        self.rng, self.level = np.random.default_rng(args.seed), 0.0
        self.phone_weight = torch.ones(len(FLITE), device=device)
        self.phone_weight[0] = .3

    def move(self, array):
        host = self.torch.from_numpy(array)
        return host.pin_memory().to("cuda", non_blocking=True) if self.device == "cuda" else host

    def inputs(self, ints, floats, spans, text_ends, augment):
        out = self.features.batch(self.move(ints), self.move(floats), augment)
        out["spans"] = self.move(spans)
        if text_ends is not None:
            out["text_ends"] = self.move(text_ends)
        return out

    def next_inputs(self):
        """The next random batch, on the device."""
        from pool import arrange
        chunk, rows = self.pool.draw(self.rng, self.args.clips + 64)
        variant = self.rng.integers(0, VARIANTS, len(rows))
        ints, floats, spans, text_ends, self.held = arrange(self.rng, chunk, rows, variant, self.features_shape, self.level)
        return self.inputs(ints, floats, spans, text_ends, augment=True)

    def losses(self, s):
        from pool import LONGEST_TEXT
        cross_entropy, m = self.torch.nn.functional.cross_entropy, self.model
        encoded = m.encode(s["mel"], s["frame_mask"], s["row_place"], s["row_mask"], s["spans"])
        hidden = m.text(s["tokens"], m.project(encoded), s["sound_at"], s["is_sound"], s["positions"], s["text_ends"], LONGEST_TEXT)
        following = s["tokens"].roll(-1)
        per_token = cross_entropy(m.logits(hidden).float(), following, reduction="none")
        answers = (per_token * s["weights"]).sum() / s["weights"].sum().clamp(min=1)
        dense = cross_entropy(m.phones(encoded).float(), s["phones"], weight=self.phone_weight, reduction="none")
        dense = (dense * s["row_mask"][:, 0]).sum() / s["row_mask"].sum().clamp(min=1)
        return answers, dense

    def total(self, answers, dense):
        return answers + self.dense_weight * dense

    def prepare(self):
        captured = not self.args.eager
        super().prepare(captured)
        if captured and self.device == "cuda":
            self.clock()

    def clock(self):
        """Milliseconds of the parts of a step, once."""
        torch, times = self.torch, {}
        for name, work in (("draw", self.next_inputs), ("draw", self.next_inputs), ("update", lambda: self.graph.replay() if self.graph else None)):
            torch.cuda.synchronize()
            start = time.time()
            for _ in range(5):
                work()
            torch.cuda.synchronize()
            times[name] = round((time.time() - start) * 200, 2)
        say(f"milliseconds: {times}")

    def step(self, scale, dense):
        chunk = self.feed.take()
        if chunk:
            self.pool.put(chunk[0])
        return super().step(scale, dense)


def save(trainer, tokenizer, args):
    from audio_export import write_folder
    write_folder(trainer.model, tokenizer, args.out + "/model")
    if args.pack:
        with tarfile.open(args.pack + ".part", "w") as f:
            f.add(args.out + "/model", "model")
        os.replace(args.pack + ".part", args.pack)


def train(trainer, args, evaluation, tokenizer, began):
    from evaluation import summary
    trainer.prepare()
    start, step, curve = time.time(), 0, []
    args.seconds = min(args.seconds, args.deadline - (start - began) - (5 if args.dry else 25))
    say(f"training for {args.seconds:.0f} s")
    last, next_test, next_save = (time.time(), 0), 60.0, 120.0
    while True:
        now = time.time() - start
        if now >= args.seconds:
            break
        share = now / args.seconds
        trainer.level = 1.0 if args.init else min(1., share / .2)
        answers, dense, norm = trainer.step(rate(args, share, step, floor=.01), args.dense * (1 - .9 * share))
        step += 1
        if step % 8 == 0:
            float(answers)  # keeps clock and GPU together
        if step % (2 if args.dry else 250) == 0 or step == 50:
            value, speed = float(answers), (step - last[1]) / (time.time() - last[0])
            say(f"{now:6.1f} s step {step} loss {value:.4f} phones {float(dense):.3f} norm {float(norm):.2f} {speed:.1f} steps/s, {trainer.held} clips each, {trainer.pool.clips} made")
            last = (time.time(), step)
            if not math.isfinite(value):
                sys.exit("training diverged")
        if now >= next_test:
            report = evaluation.run(trainer, 1)
            curve.append({"seconds": round(now), "step": step, "loss": float(answers), "rows": report})
            say(f"  at {now:.0f} s:\n{summary(report)}")
            if now >= next_save:
                save(trainer, tokenizer, args)
                next_save += 120
            next_test += 60
            last = (time.time(), step)
    say(f"stopped at {time.time() - start:.0f} s, step {step}; {trainer.pool.clips} clips were made, {trainer.feed.workers.alive()} workers live")
    return curve


def collect(workers, pump, pool, jobs, args, began):
    """The evaluation's chunks, which stay, then enough others to begin with. {row: [(place, made)]}"""
    waiting, chunks, early = len(jobs), {row: [] for row in ROWS}, []
    while waiting or pool.ready() < args.fill:
        if workers.alive() == 0:
            sys.exit("no worker lives: the synthesisers do not start")
        if time.time() - began > 240 and not waiting and pool.ready():
            break
        taken = pump.take()
        if taken is None:
            time.sleep(.005)
            continue
        host, row, made = taken
        if row is not None:
            chunks[row].append((pool.put(host), made))
            waiting -= 1
        elif waiting:
            early.append(host)
        else:
            pool.put(host)
        if waiting == 0 and pool.kept == 0:
            pool.keep()
            for host in early:
                pool.put(host)
    return chunks


def main():
    args, began = arguments(), time.time()
    os.makedirs(args.out, exist_ok=True)
    with open(HERE + "/merges.json") as f:
        merges = json.load(f)
    small = 2 if args.dry else 48
    jobs = [(row, small // 2) for row in (ROWS[4], ROWS[5])] + [(row, small) for row in (ROWS[1], ROWS[2], ROWS[3])] + [(ROWS[0], small)] * (1 if args.dry else 4)
    workers = Workers(args.bundle, merges, args.workers, args.seed, jobs, slots=4 if args.dry else 40)
    import torch
    from evaluation import Evaluation, summary
    from audio_export import load_weights
    from pool import Pool, Pump
    device = "cpu" if args.dry else "cuda"
    torch.set_num_threads(1 if args.dry else 4)
    tokenizer, pool, pump = Tokenizer(merges), Pool(args.chunks, device), Pump(workers, device)
    pump.start()
    chunks = collect(workers, pump, pool, jobs, args, began)
    say(f"data after {time.time() - began:.1f} s: {pool.clips} clips in {pool.added} chunks; evaluation {({r: sum(len(m) for _, m in c) for r, c in chunks.items()})}")
    evaluation, trainer = Evaluation(pool, chunks, tokenizer), Trainer(args, tokenizer, pool, pump)
    if args.init:
        load_weights(trainer.model, args.init)
    exported = [p for k, p in trainer.model.weights.items() if not k.startswith("aux")]
    say(f"{sum(p.numel() for p in exported) / 1e6:.3f} M parameters on {device}")
    curve = train(trainer, args, evaluation, tokenizer, began)
    save(trainer, tokenizer, args)
    report = evaluation.run(trainer)
    say(f"at the end:\n{summary(report)}")
    for row, r in report.items():
        for question, expected, given in r["wrong"][:8]:
            say(f"    {row}: {question!r} -> {given!r}, expected {expected!r}")
    with open(args.out + "/log.json", "w") as f:
        json.dump({"arguments": vars(args), "curve": curve, "rows": report}, f)
    workers.stop()
    say(f"done after {time.time() - began:.1f} s")


if __name__ == "__main__":
    main()
