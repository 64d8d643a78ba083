"""Byte-level BPE in Qwen2's layout: trainer, encoder, decoder and `tokenizer.json`. No dependencies."""
import re
from collections import Counter

# Qwen2's pre-tokenizer; the generated text is ASCII, so \p{L} and \p{N} are narrowed for Python's `re`.
PATTERN = re.compile(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
HF_PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
           "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]


def byte_alphabet():
    """Byte -> printable character, as in GPT-2: printable bytes stand for themselves, the others move above 255."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        table.setdefault(byte, chr(256 + len(table) - len(printable)))
    return table


BYTES = byte_alphabet()
UNBYTES = {char: byte for byte, char in BYTES.items()}


def merge_pair(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return tuple(out)


def train(texts, size):
    """Merges for `size` ordinary tokens (256 bytes + merges); ties go to the greater pair, so the result is reproducible."""
    words = Counter(word for text in texts for word in PATTERN.findall(text))
    sequences = Counter()
    for word, n in words.items():
        sequences[tuple(BYTES[b] for b in word.encode())] += n
    merges = []
    while len(merges) < size - 256:
        pairs = Counter()
        for symbols, n in sequences.items():
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += n
        if not pairs:
            break
        pair, n = max(pairs.items(), key=lambda item: (item[1], item[0]))
        if n < 2:
            break
        merges.append(pair)
        merged = Counter()
        for symbols, count in sequences.items():
            merged[merge_pair(symbols, pair)] += count
        sequences = merged
    return merges


class Tokenizer:
    """`size` counts all rows of the embedding table: ordinary tokens, special tokens, padding to a multiple of 64."""

    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.vocab = {char: i for i, char in enumerate(sorted(BYTES.values()))}
        for a, b in self.merges:
            self.vocab.setdefault(a + b, len(self.vocab))
        self.special = {token: len(self.vocab) + i for i, token in enumerate(SPECIAL)}
        self.size = (len(self.vocab) + len(SPECIAL) + 63) // 64 * 64
        self.inverse = {i: token for token, i in self.vocab.items()}
        self.cache = {}

    def encode_word(self, word):
        symbols = tuple(BYTES[b] for b in word.encode())
        while len(symbols) > 1:
            rank, pair = min((self.rank.get(p, 1 << 30), p) for p in zip(symbols, symbols[1:]))
            if rank == 1 << 30:
                break
            symbols = merge_pair(symbols, pair)
        return [self.vocab[s] for s in symbols]

    def encode(self, text):
        out = []
        for word in PATTERN.findall(text):
            ids = self.cache.get(word)
            if ids is None:
                ids = self.encode_word(word)
                if len(self.cache) < 200_000:
                    self.cache[word] = ids
            out += ids
        return out

    def decode(self, ids):
        """Special tokens are left out."""
        return bytes(UNBYTES[c] for i in ids if i in self.inverse for c in self.inverse[i]).decode("utf8", "replace")

    def to_json(self):
        """The content of `tokenizer.json`, readable by Hugging Face tokenizers."""
        added = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
                 for token, i in self.special.items()]
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
        split = {"type": "Split", "pattern": {"Regex": HF_PATTERN}, "behavior": "Isolated", "invert": False}
        return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": {"type": "NFC"},
                "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]}, "post_processor": byte_level, "decoder": byte_level,
                "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
                          "fuse_unk": False, "byte_fallback": False, "vocab": self.vocab, "merges": [list(m) for m in self.merges]}}
