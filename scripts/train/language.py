"""English for the generated questions and answers: articles, plurals and agreement for the nouns that occur."""

PLURAL_ONLY = {"grapes", "cherries", "fries"}
SAME_PLURAL = PLURAL_ONLY | {"dice", "fish", "sheep", "fire", "thumbs up"}
IRREGULAR = {"mouse": "mice", "snowman": "snowmen", "maple leaf": "maple leaves", "loaf of bread": "loaves of bread", "ear of corn": "ears of corn", "face with sunglasses": "faces with sunglasses"}
NUMBER_WORDS = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"]


def capital(text):
    return text[:1].upper() + text[1:]


def article(noun):
    """`cat` -> `a cat`; nouns that are already plural stay bare."""
    if noun in PLURAL_ONLY:
        return noun
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def plural(noun):
    if noun in SAME_PLURAL:
        return noun
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    for head in ("pair", "cup", "glass"):
        if noun.startswith(head + " of"):
            return noun.replace(head, head + ("es" if head == "glass" else "s"), 1)
    if noun.endswith(("s", "x", "ch")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def be(noun):
    return "are" if noun in PLURAL_ONLY else "is"


def counted(noun, n):
    """`1, cat` -> `a cat`; `3, cat` -> `3 cats`."""
    return article(noun) if n == 1 else f"{n} {plural(noun)}"


def listing(parts):
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
