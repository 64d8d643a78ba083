"""One set of phonemes for both synthesisers: flite's names. espeak-ng's mnemonics are brought to them roughly; accents blur here."""

FLITE = ("pau aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh").split()
INDEX = {name: i for i, name in enumerate(FLITE)}
ESPEAK = {"_": "pau", "I": "ih", "@": "ax", "D": "dh", "E": "eh", "aI": "ay", "V": "ah", "a": "ae", "0": "aa", "eI": "ey", "i:": "iy", "oU": "ow", "3": "er", "i": "iy", "a#": "ax",
          "u:": "uw", "h": "hh", "j": "y", "N": "ng", "A@": "aa", "dZ": "jh", "O@": "ao", "U": "uh", "aU": "aw", "O:": "ao", "T": "th", "S": "sh", "e@": "eh", "aa": "ae", "tS": "ch",
          "o@": "ao", "i@": "iy", "A:": "aa", "O": "ao", "OI": "oy", "Z": "zh", "u": "uw", "o": "ow", "e": "eh", "A": "aa", "IR": "er", "VR": "er", "w#": "w", "x": "k", ";": "iy"}


def index_of(name):
    """0 (silence) for what is not known."""
    if name in INDEX:
        return INDEX[name]
    for length in (3, 2, 1):
        part = name[:length]
        if part in ESPEAK:
            return INDEX[ESPEAK[part]]
        if part in INDEX:
            return INDEX[part]
    return 0


def labels(phones, seconds):
    """[(name, end in s)] -> one index per 10 ms, as bytes."""
    import numpy as np
    out, at = np.zeros(int(seconds * 100) + 1, np.uint8), 0
    for name, end in phones:
        until = min(len(out), round(end * 100))
        out[at:until] = index_of(name)
        at = max(at, until)
    return out
