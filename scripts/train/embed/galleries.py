"""Galleries of scenes for evaluation: each has a query that is true of it and of no other scene in its gallery."""
import common  # noqa: F401
from pictograms import HELD_DESIGN
from scene import Split
from pairs import Scenes

GALLERY = 100
SEED = 700_000
# Row: split, share of families with look-alikes, number of galleries while training.
ROWS = {"fresh": (dict(), 0., 5), "new colour-shape pairs": (dict(pairs="held"), 0., 2), "new layouts": (dict(layouts="held"), 0., 1),
        "new pictogram design": (dict(designs=(HELD_DESIGN,)), 0., 1), "with look-alikes": (dict(), .6, 1)}


def unique_query(packer, scene, others, tries=14):
    """(kind, text, claims) true of no set in `others`; None when there was none."""
    for _ in range(tries):
        query = packer.query(scene)
        if not any(query[2] <= facts for facts in others):
            return query
    return None


def gallery(scenes, packer, n=GALLERY):
    """(scenes, queries). A scene that no query tells apart is replaced."""
    chosen = []
    while len(chosen) < n:
        chosen += scenes.family(n - len(chosen))
    facts, queries = [s.facts() for s in chosen], [None] * n
    while None in queries:
        i = queries.index(None)
        queries[i] = unique_query(packer, chosen[i], facts[:i] + facts[i + 1:])
        if queries[i] is None:
            chosen[i] = scenes.family(1)[0]
            facts[i] = chosen[i].facts()
            for j, query in enumerate(queries):
                if query and j != i and query[2] <= facts[i]:
                    queries[j] = None
    return chosen, queries


def scenes_of(row, bank, seed):
    """The row's generator; no training worker has its seeds."""
    settings, look_alikes, _ = ROWS[row]
    return Scenes(bank, Split(**settings), seed, look_alikes)


def recall(queries, pictures):
    """Which rows of `queries` find their own row of `pictures`, both of length 1."""
    scores = queries @ pictures.t()
    return (scores > scores.diagonal()[:, None]).sum(1).cpu() == 0
