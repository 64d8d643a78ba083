"""A conversation as token ids in the Qwen2-VL chat format, with M-RoPE positions and the answer tokens to learn."""
from dataclasses import dataclass
import numpy as np

SYSTEM = "You are a helpful assistant."


@dataclass
class Conversation:
    """ids [n]; positions [3, n]; media [m]: places of the picture or clip tokens; targets: places of the answer tokens; turns kept."""
    ids: np.ndarray
    positions: np.ndarray
    media: np.ndarray
    targets: list
    turns: list


class Writer:
    def __init__(self, tokenizer):
        self.tokenizer, self.special = tokenizer, tokenizer.special
        encode, start, end = tokenizer.encode, [self.special["<|im_start|>"]], [self.special["<|im_end|>"]]
        self.system = start + encode("system\n" + SYSTEM) + end + encode("\n")
        self.user, self.assistant = start + encode("user\n"), start + encode("assistant\n")
        self.end, self.newline = end, encode("\n")

    def media_block(self, grid, clip_steps):
        """Tokens of one picture (clip_steps 0) or clip, and the extent (t, h, w) of its pads."""
        pad = self.special["<|video_pad|>" if clip_steps else "<|image_pad|>"]
        extent = (max(1, clip_steps), *grid)
        n = extent[0] * extent[1] * extent[2]
        return [self.special["<|vision_start|>"]] + [pad] * n + [self.special["<|vision_end|>"]], extent

    def write(self, turns, grids, clip_steps=0, longest=10 ** 9, text_first=False, answers=True):
        """turns: (kind, question, answer); grids: one (rows, columns) per picture. Turns that pass `longest` tokens are left out;
        None when not even the first one fits. answers False: a single prompt that ends where the answer begins."""
        encode, ids, targets, blocks, kept = self.tokenizer.encode, list(self.system), [], [], []
        for kind, question, answer in turns:
            turn = list(self.user)
            here = []
            if not kept:
                body = encode(question) if text_first else []
                turn += body
                for grid in grids:
                    tokens, extent = self.media_block(grid, clip_steps)
                    here.append((len(ids) + len(turn) + 1, extent))
                    turn += tokens
                turn += [] if text_first else encode(question)
            else:
                turn += encode(question)
            turn += self.end + self.newline + self.assistant
            reply = encode(answer) + self.end if answers else []
            if len(ids) + len(turn) + len(reply) + 1 > longest:
                if not kept:
                    return None
                continue
            blocks += here
            ids += turn
            targets += range(len(ids), len(ids) + len(reply))
            ids += reply + (self.newline if answers else [])
            kept.append((kind, question, answer))
        positions, media = place_tokens(len(ids), blocks)
        return Conversation(np.array(ids), positions, media, targets, kept)


def place_tokens(n, blocks):
    """M-RoPE positions [3, n] and the places of all media tokens. A block at position p spans t, h, w from p; text goes on at its maximum + 1."""
    positions, media = np.zeros((3, n), np.int64), []
    at = offset = 0  # token index; position minus index
    for start, (t, h, w) in blocks:
        positions[:, at:start] = np.arange(at, start) + offset
        p, cells = start + offset, np.arange(t * h * w)
        positions[0, start:start + len(cells)] = p + cells // (h * w)
        positions[1, start:start + len(cells)] = p + cells // w % h
        positions[2, start:start + len(cells)] = p + cells % w
        media.append(start + cells)
        at = start + len(cells)
        offset = p + max(t, h, w) - at
    positions[:, at:] = np.arange(at, n) + offset
    return positions, np.concatenate(media) if media else np.zeros(0, np.int64)
