"""Random English sentences, and what is true of them."""
import random
import re
import zlib
import words as w
from numbers_in_words import clock_time, date, random_number, small_number

HELD_OUT = 16  # one sentence in so many is kept for evaluation, chosen by its letters


def held_out(text):
    return zlib.crc32(text.lower().encode()) % HELD_OUT == 0


LISTS = {"name": w.NAMES, "color": w.COLORS, "animal": w.ANIMALS, "food": w.FOODS, "drink": w.DRINKS, "object": w.OBJECTS, "place": w.PLACES, "city": w.CITIES,
         "country": w.COUNTRIES, "day": w.DAYS, "month": w.MONTHS, "job": w.JOBS, "family": w.FAMILY, "adj": w.ADJECTIVES, "feeling": w.FEELINGS, "weather": w.WEATHER,
         "adv": w.ADVERBS, "prep": w.PREPOSITIONS, "did": w.TRANSITIVE, "went": w.INTRANSITIVE, "do": w.BASE_VERBS, "doing": w.ACTIVITIES, "subject": w.SUBJECTS_AT_SCHOOL,
         "sport": w.SPORTS, "up": w.THINGS_UP, "thing": w.COMMAND_OBJECTS, "abstract": w.ABSTRACT,
         "be": ["is", "was"], "my": ["my", "your", "his", "her", "our", "their"], "he": ["he", "she", "the boy", "the girl", "the man", "the woman", "the child"],
         "person": [*w.NAMES, *w.NAMES, "he", "she", "the man", "the woman", "the boy", "the girl"], "they": ["we", "they", "you", "the children", "my parents"],
         "when": ["today", "tomorrow", "yesterday", "tonight", "this morning", "this evening", "next week", "last night", "every day", "in the afternoon"],
         "daypart": ["morning", "afternoon", "evening"], "can": ["can", "could", "will", "should", "must", "might"], "want": ["want", "need", "like", "love", "hate"],
         "much": ["very", "really", "so", "too", "quite"], "turn": ["turn on", "turn off", "switch on", "switch off"], "side": ["left", "right"],
         "many": ["many", "some", "a few", "all the", "no"], "size": ["big", "small", "little", "large", "huge", "tiny"]}

NOUN_PHRASES = ["the {object}", "the {object}", "{a} {object}", "the {color} {object}", "{a} {color} {object}", "{a} {adj} {object}", "the {adj} {object}", "{my} {object}",
                "{my} {adj} {object}", "the {animal}", "{a} {adj} {animal}", "the {color} {animal}", "{my} {animal}", "the {job}", "{my} {family}", "{name}'s {object}"]
TEMPLATES = {
    "plain": (
        "{person} {did} {np}.", "{person} {did} {np} {when}.", "{np} {be} {prep} {np}.", "{np} {be} {adj}.", "{np} {be} {color}.", "{np} {be} in the {place}.",
        "{np} and {np} are in the {place}.", "{person} {went} in the {place}.", "{person} {went} {adv}.", "{person} {be} {doing} in the {place}.", "{they} are {doing} {when}.",
        "{my} {family} {be} a {job}.", "{my} {family} {did} {np}.", "{person} {be} {much} {feeling}.", "I am {feeling} {when}.", "I {want} {food} and {food}.",
        "I would like some {food}, please.", "I would like a cup of {drink}.", "{person} drinks {drink} with {food}.", "{person} ate {food} {when}.", "We had {food} for dinner.",
        "The weather is {weather} {when}.", "It is {much} {weather} in {city}.", "It will be {weather} on {day}.", "{person} lives in {city}.", "{person} comes from {country}.",
        "{person} went to {country} in {month}.", "We are going to {city} on {day}.", "The {animal} {went} {prep} the {object}.", "The {animal} is {adj} and {adj}.",
        "{a} {size} {animal} {went} in the {place}.", "There is {np} on the {object}.", "There is {np} in the {place}.", "There are {many} people in the {place}.",
        "This is {np}.", "That {be} a {adj} {abstract}.", "{person} told me a {adj} {abstract}.", "I have a {abstract} for you.", "It was a {adj} {abstract}.",
        "{person} likes {subject} and {subject}.", "{person} plays {sport} with {name}.", "{they} play {sport} every {day}.", "I saw the {up} {when}.", "The {up} was {adj}.",
        "{name} and {name} are {feeling}.", "{name} {can} {do} {np}.", "You {can} {do} {np} {when}.", "I {can} not {do} {np}.", "{they} never {do} {np}.",
        "My favorite color is {color}.", "{name} has {color} eyes.", "{name} wears a {color} {object}.", "The train to {city} leaves on {day}.", "The {place} is closed on {day}.",
        "The {place} is {prep} the {place}.", "{person} walked from the {place} to the {place}.", "He said that {np} {be} {adj}.", "She thinks the {job} is {feeling}.",
        "I think it is {adj}.", "{name} is my {family}.", "My name is {name}.", "I am from {country}.", "The {job} {did} {np}.", "The {job} works in the {place}.",
        "I found {np} {prep} {np}.", "{person} put {np} in the {object}.", "{person} gave {name} {np}.", "{name} wrote a letter to {name}.", "We will meet in the {place} {when}.",
        "Tomorrow is {day}.", "{person} was born in {month}.", "{person} speaks {subject}.", "Good {daypart}, {name}.", "Thank you for the {object}.", "I am sorry about the {object}.",
        "The {object} is too {adj}.", "The {object} is made of {drink}.", "If it is {weather}, we stay at home.", "{np} looks {much} {adj}.", "{person} {went} because it was {weather}."),
    "question": (
        "Where is {np}?", "Who {did} {np}?", "What color is {np}?", "Is {np} {adj}?", "Is {np} in the {place}?", "Are you {feeling}?", "Do you like {food}?", "Do you {want} {np}?",
        "Did {name} {do} {np}?", "Can you {do} {np}?", "Could you {do} {np}, please?", "How is {my} {family}?", "When does the {place} open?", "What is the weather like in {city}?",
        "Why are you {feeling}?", "What are you {doing}?", "Have you seen {np}?", "Would you like some {drink}?", "Is it {weather} in {country}?", "How old is {my} {family}?"),
    "command": (
        "Please {do} {np}.", "{turn} {thing}.", "Please {turn} {thing}.", "Turn {side} at the {place}.", "Go to the {place}.", "Do not {do} {np}.", "Play some music in the {place}.",
        "Set the {object} on the {object}.", "Call {name}.", "Call {my} {family} {when}.", "Stop the {object}.", "Open {thing}.", "Close {thing} {when}.", "Wait for {name}.",
        "Give me {np}.", "Show me the way to the {place}.", "Look at {np}.", "Listen to the {up}.", "Come here {when}.", "Send a message to {name}."),
    "yes": ("Yes.", "Yes, please.", "Yes, I {can} {do} {np}.", "Yes, {np} is {adj}.", "Yes, {name} {did} it.", "Yes, of course.", "Yes, I am {feeling}.", "Yes, that is right."),
    "no": ("No.", "No, thank you.", "No, I {can} not {do} {np}.", "No, {np} is not {adj}.", "No, {name} is not here.", "No, not {when}.", "No, I am not {feeling}.", "No, that is wrong."),
    "number": (
        "{number}.", "{number}.", "{number}.", "{number}.", "The number is {number}.", "My number is {number}.", "The answer is {number}.", "Room {number}.", "Page {number}.",
        "The code is {number}.", "It costs {small} dollars.", "There are {small} {objects} in the {place}.", "I can see {small} {animals}.", "{name} has {small} {objects}.",
        "{name} bought {small} {objects} {when}.", "{my} {family} is {small} years old.", "We need {small} {objects}.", "Give me {small} {objects}, please.",
        "{small} {animals} are {doing} in the {place}.", "Wait {small} minutes.", "The {object} costs {small} dollars.", "Bus number {small} goes to {city}.", "Set a timer for {small} minutes.",
        "{person} lives in house number {small}.", "{person} walked {small} miles.", "Turn to page {number}."),
    "time": ("It is {time}.", "It is {time} now.", "The train leaves at {time}.", "We will meet at {time}.", "The meeting starts at {time}.", "Wake me up at {time}.",
             "{name} arrived at {time}.", "The {place} opens at {time}.", "Set the alarm for {time}."),
    "date": ("Today is {date}.", "The party is on {date}.", "{name} was born on {date}.", "It happened on {date}.", "My birthday is {date}.", "We leave on {date}."),
}
SHARES = (("plain", .42), ("question", .1), ("command", .09), ("yes", .035), ("no", .035), ("number", .16), ("time", .035), ("date", .025), ("salad", .1))
PLURAL = {"fox": "foxes", "wolf": "wolves", "mouse": "mice", "sheep": "sheep", "goose": "geese", "fish": "fish", "butterfly": "butterflies", "donkey": "donkeys", "glass": "glasses",
          "dress": "dresses", "watch": "watches", "box": "boxes", "knife": "knives", "shelf": "shelves", "bus": "buses", "scissors": "scissors", "brush": "brushes", "key": "keys",
          "compass": "compasses", "paper": "papers", "monkey": "monkeys", "turkey": "turkeys"}
SLOT = re.compile(r"\{(\w+)\}")
VOCABULARY = w.vocabulary()


class Sentence:
    """text: as it is written and spoken; kind: its family of templates; number, time: what it says in digits, or None."""

    def __init__(self, rng):
        self.rng, self.number, self.time = rng, None, None
        self.kind = rng.choices([k for k, _ in SHARES], [s for _, s in SHARES])[0]
        if self.kind == "salad":
            text = " ".join(rng.choice(VOCABULARY) for _ in range(rng.choice((1, 1, 2, 3, 4, 5, 6)))) + "."
        else:
            text = self.fill(rng.choice(TEMPLATES[self.kind]))
        text = re.sub(r"\ba (?=[aeiou](?!ne\b))", "an ", text, flags=re.I)
        self.text = text[0].upper() + text[1:]
        self.words = re.findall(r"[A-Za-z']+", self.text.lower())

    def fill(self, template):
        while True:
            slot = SLOT.search(template)
            if not slot:
                return template
            template = template[:slot.start()] + self.slot(slot.group(1)) + template[slot.end():]

    def slot(self, name):
        rng = self.rng
        if name == "np":
            return rng.choice(NOUN_PHRASES)
        if name == "a":
            return "a"
        if name in ("number", "small"):
            self.number, spoken = (random_number if name == "number" else small_number)(rng)
            return spoken
        if name == "time":
            self.time, spoken = clock_time(rng)
            return spoken
        if name == "date":
            return date(rng)
        if name in ("objects", "animals"):
            word = rng.choice(LISTS[name[:-1]])
            return PLURAL.get(word, word + "s")
        return rng.choice(LISTS[name])


class Pair:
    """Two sentences, one after the other."""

    def __init__(self, first, second):
        self.kind, self.text, self.words = first.kind, f"{first.text} {second.text}", first.words + second.words
        alone = lambda a, b: None if a and b else a or b
        self.number, self.time = alone(first.number, second.number), alone(first.time, second.time)
        self.numbers = sum(x is not None for x in (first.number, second.number))


def single(rng, for_evaluation):
    while True:
        s = Sentence(rng)
        if len(s.words) <= 13 and held_out(s.text) == for_evaluation:
            return s


def sentence(rng: random.Random, for_evaluation=False):
    """A sentence of at most 13 words, or two of at most 18, that are or are not among those kept for evaluation."""
    s = single(rng, for_evaluation)
    if rng.random() < .15 and s.kind != "salad":
        other = single(rng, for_evaluation)
        if other.kind != "salad" and len(s.words) + len(other.words) <= 18:
            return Pair(s, other)
    return s
