"""Train the tokenizer on generated questions and answers; texts to be read are left out, so that they are spelled in short pieces.

    python3 make_tokenizer.py ASSETS        writes ASSETS/merges.json
"""
import json, re, sys
from chat import CHAT, OUTSIDE, QUESTIONS_OUTSIDE
from conversation import SYSTEM
from language import article, capital, plural
from pictograms import NAMES
from sampler import Sampler
from scene import COLOR_NAMES, SHAPES, Split
from sprites import Bank
import bpe

SIZE = 1100
SPELLED = ("read", "read_line", "read_caption", "says")


def generated(assets, n=9000):
    sampler = Sampler(assets, Bank(assets, pixels=False), Split(), seed=7)
    for _ in range(n):
        sample = sampler.sample()
        for kind, question, answer in sample.turns:
            if sample.kind == "chart" or '"' in question + answer:  # labels and quoted words stay out
                question, answer = (re.sub(r'"[^"]*"', '"', t) for t in (question, answer))
                if sample.kind == "chart" and kind == "chart":
                    continue
            if kind not in SPELLED[:2] and not (sample.kind == "album" and re.search("say|Read", question)):
                yield question
                yield answer


CHART_TEXTS = ["Which bar is the highest?", "Which bar is the tallest?", "Which bar is the lowest?", "Which bar is the shortest?", "What is the label of the highest bar?",
               "Which has the lowest value?", "What is the value of ", "How much is ", "What value does ", " have?", "Which bar has the value ", "What color is the ", " bar?",
               "What colour is the bar of ", "A bar chart.", "What kind of picture is this?", "The image shows a bar chart with 4 bars.", "Is ", " higher than ", " lower than "]


def corpus(assets):
    texts = list(generated(assets))
    for questions, answer in CHAT:
        texts += [*questions, answer] * 3
    texts += [*QUESTIONS_OUTSIDE, OUTSIDE] * 2
    for noun in [*NAMES, *SHAPES, *(f"{c} {s}" for c in COLOR_NAMES for s in SHAPES)]:
        texts += [article(noun), capital(article(noun)), "the " + noun, "The " + noun, plural(noun)] * 3
    texts += CHART_TEXTS * 60
    texts += ['The word "', 'The words "', '" in red.', 'Does it say "', 'Is "', '" written here?', 'Does the picture say "', '"?'] * 200
    texts += ["system\n" + SYSTEM, "user\n", "assistant\n", "\n"] * 500
    return texts


def main(assets):
    texts = corpus(assets)
    merges = bpe.train(texts, SIZE)
    with open(assets + "/merges.json", "w") as f:
        json.dump(merges, f)
    tokenizer = bpe.Tokenizer(merges)
    mean = sum(len(tokenizer.encode(t)) for t in texts) / len(texts)
    print(len(merges), "merges,", tokenizer.size, "rows,", f"{mean:.1f} tokens per text, system turn", len(tokenizer.encode("system\n" + SYSTEM)))
    print([tokenizer.inverse[i] for i in tokenizer.encode("Is the purple hexagon to the left of the ice cream? Hello there wonderful")])


if __name__ == "__main__":
    main(sys.argv[1])
