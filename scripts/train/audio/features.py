"""Batches on the GPU: clips out of the pool at any speed, with noise, echoes and band limits, as Whisper's log-mel; and the tokens around them."""
import math
import torch
import torch.nn.functional as F

HOP, WINDOW, BINS, RATE = 160, 400, 201, 16000
TAPS = 16
LOG_STEP = math.log(6.4) / 27
TOP = 15 + math.log(8) / LOG_STEP  # 8 kHz on the mel scale
# Columns of a batch's tables: one row a clip, clips in the order in which they lie on the axis of frames.
INTS = ("source", "length", "label", "label_count", "tokens", "before", "total", "frames", "frame_start", "text_start", "sounds", "lead")
FLOATS = ("ratio", "label_scale", "gain", "noise", "tilt", "other", "echo1", "echo2", "delay1", "delay2", "low", "high", "slope", "tail", "mask_band", "mask_width", "mask_time", "mask_length",
          "mask_band2", "mask_width2", "mask_time2", "mask_length2", "tract", "sway", "sway_rate", "sway_phase")
EQUALIZER = 4  # waves over the mel bands; their heights follow the columns above


def hertz_to_mel(hertz):
    """Slaney's scale: linear below 1 kHz, logarithmic above."""
    return torch.where(hertz < 1000, hertz * 3 / 200, 15 + torch.log(hertz.clamp(min=1) / 1000) / LOG_STEP)


def mel_to_hertz(mel):
    return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp(LOG_STEP * (mel - 15)))


def mel_filters(bands=80):
    """Slaney's filters, as librosa makes them: [201, bands]."""
    edges = mel_to_hertz(torch.arange(bands + 2, dtype=torch.float64) * TOP / (bands + 1))
    bins = torch.arange(BINS, dtype=torch.float64)[:, None] * RATE / WINDOW
    rise, fall = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return (torch.minimum(rise, fall).clamp(min=0) * 2 / (edges[2:] - edges[:-2])).float()


def position(n, ratio, sway, rate, phase):
    """Where sample n of a clip lies in its source: at `ratio` source samples each, swaying to and fro by `sway` samples."""
    n = n.double()
    return ratio * (n + sway * (torch.sin(n * rate + phase) - torch.sin(phase.double())))


def resample(pool, n):
    """Windowed-sinc values [frames, 160] of each clip; n: the batch's numbers per frame [frames, 1]. Zero outside the clips."""
    local = n["place"] * HOP + torch.arange(HOP, device=pool.device) - n["lead"]
    at = position(local, *(n[k] for k in ("ratio", "sway", "sway_rate", "sway_phase")))
    first = at.floor().long()
    fraction, cut = (at - first).float(), torch.clamp(1 / n["ratio"], max=1.0)
    total = torch.zeros_like(fraction)
    for t in range(1 - TAPS // 2, TAPS // 2 + 1):
        d, i = t - fraction, first + t
        kernel = torch.sinc(d * cut) * cut * (.5 + .5 * torch.cos(d * (math.pi / (TAPS // 2))))
        good = n["inside"] & (i >= 0) & (i < n["length"])
        total = total + pool[torch.where(good, n["source"] + i, torch.zeros_like(i))].float() * kernel * good
    return total / 32768


class Features:
    """pool: dict of flat tensors samples, labels, tokens. frames, texts: capacities of a batch; clips: rows of its tables."""

    def __init__(self, pool, frames, texts, clips, device, compiled):
        self.pool, self.frames, self.texts, self.clips, self.device = pool, frames, texts, clips, device
        self.hann = torch.hann_window(WINDOW, device=device)
        self.filters = mel_filters().to(device)
        self.frame = torch.arange(frames, device=device)
        self.text = torch.arange(texts, device=device)
        self.bin_hertz = torch.arange(BINS, device=device) * (RATE / WINDOW)
        self.band = torch.arange(80, device=device)
        self.kernel = None if compiled else False  # None: to be tried

    def resample(self, n):
        """By the kernel if it works, else by plain operations: a missing compiler must not stop the run."""
        if self.kernel is None:
            self.kernel = False
            try:
                from sinc_kernel import resample as fused
                error = (fused(self.pool["samples"], n) - resample(self.pool["samples"], n)).abs().max().item()
                self.kernel = fused if error < 1e-3 else False
                print(f"resampling kernel differs by {error:.1e}", flush=True)
            except Exception as error:
                print("no resampling kernel:", str(error)[:200], flush=True)
        return (self.kernel or resample)(self.pool["samples"], n)

    def waveform(self, n, augment):
        """f32 [frames, 160], zero outside the clips; n: the batch's numbers per frame [frames, 1]."""
        local = n["place"] * HOP + torch.arange(HOP, device=self.device)
        inside = n["inside"]
        x = self.resample(n)
        if not augment:
            return x
        x = x * n["gain"]
        for k in ("1", "2"):
            delay = (n["delay" + k] * RATE).long()
            earlier = (self.frame[:, None] * HOP + torch.arange(HOP, device=self.device) - delay).clamp(min=0)
            x = x + torch.where(local >= delay, x.view(-1)[earlier], torch.zeros_like(x)) * n["echo" + k]
        hiss = torch.randn(self.frames * HOP + 1, device=self.device)
        hiss = hiss[1:].view(-1, HOP) + n["tilt"] * hiss[:-1].view(-1, HOP)
        shift = int(torch.randint(2000, self.frames - 2000, (1,))) if self.frames > 4000 else self.frames // 2
        x = x + hiss * n["noise"] + x.roll(shift, 0) * n["other"]
        return torch.where(inside, x.clamp(-1, 1), torch.zeros_like(x))

    def spectrum(self, wave, n):
        """Power [frames, 201] of Whisper's windows; each clip is mirrored at its own ends."""
        tap = torch.arange(WINDOW, device=self.device, dtype=torch.int32) - WINDOW // 2
        last = (n["frames"] * HOP - 1).int()
        at = (n["place"] * HOP).int() + tap
        at = torch.where(at < 0, -at, at)
        at = torch.where(at > last, 2 * last - at, at).clamp(min=0)
        at = (at + (n["frame_start"] * HOP).int()).clamp(0, wave.numel() - 1)
        spectrum = torch.fft.rfft(wave.view(-1)[at] * self.hann)
        return spectrum.real.square() + spectrum.imag.square()

    def log_mel(self, wave, n, clip, equalizer, augment):
        power = self.spectrum(wave, n)
        if augment:
            hertz = self.bin_hertz
            gate = torch.sigmoid((hertz - n["low"]) / 40) * torch.sigmoid((n["high"] - hertz) / 150)
            power = power * gate * torch.exp(n["slope"] * (hertz / 4000 - 1)) + 1e-9 * (power.mean(1, keepdim=True) > 0)
        mel = power @ self.filters
        if augment:
            mel = self.reverberate(self.bend(mel, n["tract"]) * equalizer[clip], n)
        value = mel.clamp(min=1e-10).log10()
        loudest = torch.full((self.clips,), -20., device=self.device)
        per_frame = torch.where(n["inside"], value, torch.full_like(value, -20.)).amax(1)
        loudest = loudest.scatter_reduce(0, clip, per_frame, "amax")
        value = (torch.maximum(value, loudest[clip][:, None] - 8) + 4) / 4
        if augment:
            hidden = torch.zeros_like(n["inside"])
            for k in ("", "2"):
                hidden = hidden | ((self.band >= n["mask_band" + k]) & (self.band < n["mask_band" + k] + n["mask_width" + k]))
                hidden = hidden | ((n["place"] >= n["mask_time" + k]) & (n["place"] < n["mask_time" + k] + n["mask_length" + k]))
            value = value * ~hidden
        return torch.where(n["inside"], value, torch.zeros_like(value))

    def bend(self, mel, tract):
        """Moves all formants by a factor, as a longer or shorter vocal tract does."""
        hertz = mel_to_hertz((self.band + 1) * TOP / 81) * tract
        place = (hertz_to_mel(hertz) * 81 / TOP - 1).clamp(0, 79)
        low = place.floor().clamp(max=78)
        share, low = place - low, low.long()
        return mel.gather(1, low) * (1 - share) + mel.gather(1, low + 1) * share

    def reverberate(self, mel, n):
        """Adds what is left of the 16 frames before, falling by a quarter each."""
        late = F.pad(mel[:-1], (0, 0, 1, 0)) * (n["place"] >= 1)
        for m in (1, 2, 4, 8):
            late = late + .75 ** m * F.pad(late[:-m], (0, 0, m, 0)) * (n["place"] >= m)
        return mel + n["tail"] * .75 * late

    @torch.no_grad()
    def batch(self, ints, floats, augment):
        """ints int64 [clips, len(INTS)], floats f32 [clips, len(FLOATS)] on the device -> the model's inputs."""
        column = {k: ints[:, i] for i, k in enumerate(INTS)} | {k: floats[:, i] for i, k in enumerate(FLOATS)}
        clip = torch.searchsorted(column["frame_start"].contiguous(), self.frame, right=True) - 1
        n = {k: v[clip][:, None] for k, v in column.items() if k not in ("tokens", "before", "total", "text_start", "sounds")}
        n["place"] = self.frame[:, None] - n["frame_start"]
        n["inside"] = n["place"] < n["frames"]
        heights = floats[:, len(FLOATS):len(FLOATS) + 2 * EQUALIZER].view(-1, EQUALIZER, 2)
        angle = self.band[None, None] * (math.pi / 80) * torch.arange(1, EQUALIZER + 1, device=self.device)[None, :, None]
        equalizer = torch.exp((heights[:, :, :1] * torch.cos(angle) + heights[:, :, 1:] * torch.sin(angle)).sum(1))
        mel = self.log_mel(self.waveform(n, augment), n, clip, equalizer, augment)
        rows = {k: v[::2] for k, v in n.items()}
        place = rows["place"] // 2
        row_inside = place < (rows["frames"] + 1) // 2
        out = {"mel": mel, "frame_mask": n["inside"].float(), "row_place": (place * row_inside)[:, 0], "row_mask": row_inside.float()}
        at = position(rows["place"] * HOP - rows["lead"], *(rows[k] for k in ("ratio", "sway", "sway_rate", "sway_phase")))
        label = (at * rows["label_scale"]).floor().long()
        known = row_inside & (label >= 0) & (label < rows["label_count"])
        out["phones"] = torch.where(known, self.pool["labels"][torch.where(known, rows["label"] + label, torch.zeros_like(label))].long(), torch.zeros_like(label))[:, 0]
        return out | self.texts_of(column)

    def texts_of(self, column):
        """Token ids, where the clips' rows go, places, and which tokens are to be learnt."""
        start = column["text_start"].contiguous()
        talk = torch.searchsorted(start, self.text, right=True) - 1
        m = {k: column[k][talk] for k in ("tokens", "before", "total", "text_start", "sounds", "frame_start")}
        place = self.text - m["text_start"]
        inside = place < m["total"] + m["sounds"]
        sound = inside & (place >= m["before"]) & (place < m["before"] + m["sounds"])
        at = m["tokens"] + place - torch.where(place >= m["before"] + m["sounds"], m["sounds"], torch.zeros_like(place))
        written = inside & ~sound
        value = torch.where(written, self.pool["tokens"][torch.where(written, at, torch.zeros_like(at))].long(), torch.zeros_like(at))
        sound_at = torch.where(sound, m["frame_start"] // 8 + place - m["before"], torch.zeros_like(at))
        target = F.pad((value >= 1024)[1:], (0, 1)).float()
        return {"tokens": value % 1024, "sound_at": sound_at, "is_sound": sound[:, None], "positions": place * inside, "weights": target}
