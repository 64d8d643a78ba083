"""The tokenizer: byte-level BPE with Llama 3's special tokens, and conversations as ids.

    python3 tokens.py merges.json        learns the merges from generated conversations
"""
import json, os, random, sys
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import bpe

SIZE = 768
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|finetune_right_pad_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
SYSTEM = "You are a helpful assistant."
TARGET = 1024  # added to the ids that are learnt


class Tokenizer(bpe.Tokenizer):
    def __init__(self, merges):
        super().__init__(merges)
        self.special = {token: len(self.vocab) + i for i, token in enumerate(SPECIAL)}
        self.size = SIZE
        if len(self.vocab) + len(SPECIAL) > SIZE:
            raise ValueError("too many merges")

    def header(self, role):
        s = self.special
        return [s["<|start_header_id|>"], *self.encode(role), s["<|end_header_id|>"], *self.encode("\n\n")]

    def talk(self, turns, audio=True, system=False):
        """(ids before the audio, ids after it with TARGET added to answers)"""
        end, before, after = self.special["<|eot_id|>"], [self.special["<|begin_of_text|>"]], []
        if system:
            before += [*self.header("system"), *self.encode(SYSTEM), end]
        before += self.header("user")
        for i, (_, question, answer) in enumerate(turns):
            if i:
                after += self.header("user")
            after += self.encode(("\n" if audio and i == 0 and question else "") + question)
            after += [end, *self.header("assistant")]
            after += [t + TARGET for t in (*self.encode(answer), end)]
        return before, after


def corpus(n=14000):
    from questions import plain_talk, sound_talk, speech_talk
    from sentences import sentence
    from sounds import make
    rng = random.Random(5)
    for i in range(n):
        s = sentence(rng)
        talk = plain_talk(rng) if i % 40 == 0 else sound_talk(rng, make(rng)[0]) if i % 40 == 1 else speech_talk(rng, s)
        yield from (s.text, " " + s.text[0].lower() + s.text[1:])
        for _, question, answer in talk:
            yield from ("\n" + question, answer, "user", "assistant", "\n\n")


def main(path):
    texts = list(corpus()) + ["system", SYSTEM] * 2000
    merges = bpe.train(texts, SIZE - len(SPECIAL))
    with open(path, "w") as f:
        json.dump(merges, f)
    tokenizer = Tokenizer(merges)
    print(len(merges), "merges", tokenizer.size, "rows;", sum(len(tokenizer.encode(t)) for t in texts) / len(texts), "tokens a text")
    for text in ("The red car is near the house, isn't it?", "Twenty three thousand elephants", "\nTranscribe the audio."):
        print([tokenizer.inverse[i] for i in tokenizer.encode(text)])


if __name__ == "__main__":
    main(sys.argv[1])
