"""Ask a model in torch about finished pictures: packed without padding, greedy or against a known answer."""
import numpy as np
import torch
from conversation import Writer
from packing import cells_of
from render import MEAN, PATCH, STD


def patches_of(picture):
    """uint8 [h, w, 3], sides multiples of 28 -> normalized rows [n, 588] and their cells [n, 2], in Qwen2-VL's order."""
    h, w, _ = picture.shape
    x = (picture.astype(np.float32) / 255 - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    cells = cells_of(h // 28, w // 28)
    x = x.reshape(h // PATCH, PATCH, w // PATCH, PATCH, 3).transpose(0, 2, 4, 1, 3)
    return x[cells[:, 0], cells[:, 1]].reshape(len(cells), -1), cells


class Prompt:
    """`media`: uint8 pictures; with clip True they are the frames of one clip, all of one size and even in number."""

    def __init__(self, writer: Writer, media, clip, question, answer=None):
        self.media, self.clip = media, clip
        grids = [(m.shape[0] // 28, m.shape[1] // 28) for m in media]
        if clip and len(set(grids)) > 1:
            raise ValueError("frames of a clip must share a size")
        self.talk = writer.write([("", question, answer or "")], grids[:1] if clip else grids, len(media) // 2 if clip else 0, answers=answer is not None)


def pack_pictures(prompts):
    """Arguments of the vision tower; None when there are no pictures."""
    rows, seconds, index, cells, spans, count, late = [], [], [], [], [0], 0, 0
    for prompt in prompts:
        parts = [patches_of(m) for m in prompt.media]
        for i in range(0, len(parts), 2 if prompt.clip else 1):
            n = len(parts[i][0])
            rows.append(parts[i][0])
            cells.append(parts[i][1])
            index.append((prompt.clip, np.arange(n) + (late if prompt.clip else count)))
            if prompt.clip:
                seconds.append(parts[i + 1][0])
                late += n
            count += n
            spans.append(count)
    if not rows:
        return None
    second = np.concatenate([i + count if clip else i for clip, i in index])
    return dict(rows=torch.from_numpy(np.concatenate(rows + seconds).astype(np.float32)), second=torch.from_numpy(second), cells=torch.from_numpy(np.concatenate(cells)),
                ends=torch.tensor(spans, dtype=torch.int32), longest=int(np.diff(spans).max()))


def pack_text(prompts, ids):
    """Arguments of the text model for these token lists, which may be longer than the prompts by generated tokens."""
    positions, media, ends = [], [], [0]
    for prompt, own in zip(prompts, ids):
        place = prompt.talk.positions
        tail = place[:, -1:] + 1 + np.arange(len(own) - place.shape[1])
        positions.append(np.concatenate((place, tail), 1))
        media.append(ends[-1] + prompt.talk.media)
        ends.append(ends[-1] + len(own))
    return dict(tokens=torch.tensor([t for own in ids for t in own]), media=torch.from_numpy(np.concatenate(media)), positions=torch.from_numpy(np.concatenate(positions, 1)),
                ends=torch.tensor(ends, dtype=torch.int32), longest=int(np.diff(ends).max()))


def moved(arguments, device):
    return {k: v.to(device) if torch.is_tensor(v) else v for k, v in arguments.items()}


def see(model, prompts, device):
    """Picture rows for the text model."""
    arguments = pack_pictures(prompts)
    if arguments is None:
        return None
    with torch.autocast("cuda", torch.bfloat16, enabled=device == "cuda"):
        return model.merge(model.vision(**moved(arguments, device)))


def read(model, prompts, ids, pictures, device):
    """(hidden states, ends of the sequences)"""
    arguments = pack_text(prompts, ids)
    moved_ = moved(arguments, device)
    with torch.autocast("cuda", torch.bfloat16, enabled=device == "cuda"):
        return model.text(moved_["tokens"], moved_["media"], pictures, moved_["positions"], moved_["ends"], moved_["longest"]), arguments["ends"].tolist()


@torch.no_grad()
def exact(model, prompts, device="cpu"):
    """Whether greedy decoding would give each prompt's answer, from one pass under the true answers."""
    firsts = {}  # prompts about the same media share what the vision tower makes of them
    for prompt in prompts:
        firsts.setdefault(tuple(map(id, prompt.media)), prompt)
    seen = see(model, [p for p in firsts.values() if p.media], device)
    rows, at = {}, 0
    for key, prompt in firsts.items():
        rows[key] = slice(at, at + len(prompt.talk.media))
        at += len(prompt.talk.media)
    pictures = None if seen is None else torch.cat([seen[rows[tuple(map(id, p.media))]] for p in prompts])
    hidden, ends = read(model, prompts, [p.talk.ids for p in prompts], pictures, device)
    out = []
    for prompt, start in zip(prompts, ends):
        at = np.array(prompt.talk.targets)
        guess = model.logits(hidden[torch.from_numpy(at + start - 1).to(device)]).argmax(-1).cpu().numpy()
        out.append(bool((guess == prompt.talk.ids[at]).all()))
    return out


@torch.no_grad()
def greedy(model, prompts, tokenizer, device="cpu", most=96):
    """Free-running answers, all prompts at once; without a cache, since the model is tiny."""
    ids, pictures = [list(p.talk.ids) for p in prompts], see(model, prompts, device)
    end, unfinished = tokenizer.special["<|im_end|>"], set(range(len(prompts)))
    for _ in range(most):
        hidden, ends = read(model, prompts, ids, pictures, device)
        for i, token in enumerate(model.logits(hidden[torch.tensor(ends[1:], device=device) - 1]).argmax(-1).tolist()):
            if i in unfinished:
                ids[i].append(token)
                if token == end:
                    unfinished.discard(i)
        if not unfinished:
            break
    return [tokenizer.decode(own[len(p.talk.ids):]) for own, p in zip(ids, prompts)]
