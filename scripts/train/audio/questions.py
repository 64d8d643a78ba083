"""Questions about a clip with their answers, as conversations."""
import re
import words as w

TRANSCRIBE = ("Transcribe the audio.", "Transcribe the audio.", "Transcribe this.", "Transcribe.", "Transcribe", "transcribe the audio", "Transcribe the clip.", "What is said?",
              "What was said?", "What does the person say?", "What did they say?", "Write down what you hear.", "Write down what is said.", "Repeat the sentence.",
              "Transcribe the speech.", "What are the words?", "")
HEAR = ("What do you hear?", "What is in the audio?", "Describe the audio.", "Describe the sound.", "What can you hear?", "What sound is this?")
KIND = ("Is this speech, a tone, beeps, noise or silence?", "What kind of sound is this?", "What type of sound is it?")
SPEAKING = ("Is anyone speaking?", "Is someone speaking?", "Is there speech?", "Do you hear a voice?", "Is this speech?")
COUNT = ("How many words are said?", "How many words were said?", "How many words do you hear?", "How many words are there?", "Count the words.")
NUMBER = ("What number was said?", "What number is said?", "Which number do you hear?", "What number do you hear?", "What is the number?", "Write the number in digits.")
TIME = ("What time was said?", "What time is said?", "What time do you hear?", "Which time is mentioned?")
YES_NO = ("Did they say yes or no?", "Is it yes or no?", "Did the person say yes or no?", "Yes or no?", "Is the answer yes or no?")
ASKED = ("Is it a question?", "Is this a question?", "Did they ask something?")
BEEPS = ("How many beeps are there?", "How many beeps do you hear?", "Count the beeps.", "How many beeps?", "How many tones are there?")
PITCH = ("Is the tone high or low?", "Is it a high or a low tone?", "Is the sound high or low?", "How high is the tone?")
COURSE = ("Does the tone rise or fall?", "Is the tone rising or falling?", "What does the pitch do?", "Does the pitch change?")
NOISE = ("Is there noise?", "Is this noise?", "Do you hear noise?")
SILENCE = ("Is it silent?", "Is there silence?", "Is this silence?", "Is it quiet?")
SAID = ('Is the word "{}" said?', 'Does the person say "{}"?', 'Did they say "{}"?', 'Do you hear the word "{}"?', "Is the word {} said?", "Do you hear the word {}?")
CATEGORIES = {  # what may be asked for by name: (words, questions, answer if there is none)
    "color": (w.COLORS, ("What color is mentioned?", "Which color do you hear?", "What color was said?"), "No color."),
    "animal": (w.ANIMALS, ("What animal is mentioned?", "Which animal do you hear?", "What animal was said?"), "No animal."),
    "day": (w.DAYS, ("What day is mentioned?", "Which day do you hear?", "What day was said?"), "No day."),
    "month": (w.MONTHS, ("What month is mentioned?", "Which month do you hear?", "What month was said?"), "No month."),
    "name": (w.NAMES, ("What name is mentioned?", "Which name do you hear?", "Who is mentioned?"), "No name."),
    "city": (w.CITIES, ("What city is mentioned?", "Which city do you hear?"), "No city."),
    "country": (w.COUNTRIES, ("What country is mentioned?", "Which country do you hear?"), "No country."),
    "food": (w.FOODS, ("What food is mentioned?", "Which food do you hear?"), "No food."),
}
CAPABLE = "I can write down short English sentences and numbers, and tell tones, beeps, noise and silence apart."
NO_AUDIO = "There is no audio."
CHAT = ((("Hello!", "Hi!", "Hello.", "hello", "hi", "Hi there.", "Hey!", "Good morning."), "Hello! Give me a sound and ask about it."),
        (("Who are you?", "What are you?", "What is your name?"), "I am Ocellus, a very small model that listens."),
        (("What can you do?", "How can you help me?", "Help.", "help"), CAPABLE),
        (("Thanks!", "Thank you.", "Thank you!", "thanks"), "You are welcome."), (("Goodbye!", "Bye.", "bye"), "Goodbye!"),
        ((*TRANSCRIBE[:8], *HEAR, *BEEPS, *NUMBER), NO_AUDIO))
OUTSIDE = ("What is the capital of France?", "Who wrote Hamlet?", "What time is it?", "Tell me a joke.", "Write a poem.", "What is 12 times 7?", "How old are you?", "Translate this into French.",
           "Who is speaking?", "Where was this recorded?", "What is the meaning of life?", "What color is the sky?", "Can you see me?")
UNKNOWN = "I can't tell. I only know what is in the audio."
WORDS_OF_NUMBER = ("no", "one", "two", "three", "four", "five", "six")


def capital(text):
    return text[0].upper() + text[1:]


def yes(truth):
    return "Yes." if truth else "No."


def of_category(sentence, category):
    """The words of a category that a sentence has, once each."""
    plain = {x.lower(): x for x in CATEGORIES[category][0]}
    found = [plain[x] for x in (re.sub("'s$", "", x) for x in sentence.words) if x in plain]
    return list(dict.fromkeys(found))


def speech_question(rng, s):
    """(kind, question, answer) about a sentence; not its transcript."""
    kind = rng.choices(("hear", "kind", "speaking", "count", "number", "time", "yes_no", "asked", "beeps", "noise", "said", "first", "last", "category", "outside"),
                       (6, 3, 3, 9, 20 if s.number else 3, 20 if s.time else 1, 20 if s.kind in ("yes", "no") else 2, 4, 2, 2, 14, 5, 5, 18, 2))[0]
    if kind == "hear":
        return kind, rng.choice(HEAR), f'Someone says: "{s.text}"'
    if kind == "kind":
        return kind, rng.choice(KIND), "Speech."
    if kind == "speaking":
        return kind, rng.choice(SPEAKING), "Yes."
    if kind == "count":
        return kind, rng.choice(COUNT), f"{len(s.words)}."
    if kind == "number":
        return (kind, rng.choice(NUMBER), s.number) if s.number else (kind, rng.choice(NUMBER), "No number.") if not w.NUMERALS & set(s.words) else transcript(rng, s)
    if kind == "time":
        return kind, rng.choice(TIME), s.time or "No time."
    if kind == "yes_no":
        return kind, rng.choice(YES_NO), "Yes." if s.words[0] == "yes" else "No." if s.words[0] == "no" else "Neither."
    if kind == "asked":
        return kind, rng.choice(ASKED), yes("?" in s.text)
    if kind == "beeps":
        return kind, rng.choice(BEEPS), "None."
    if kind == "noise":
        return kind, rng.choice(SILENCE), "No."
    if kind == "said":
        return said(rng, s)
    if kind in ("first", "last"):
        word = re.sub("[.,?]", "", s.text).split()[0 if kind == "first" else -1]
        return kind, f"What is the {kind} word?", capital(word) + "."
    if kind == "outside":
        return kind, rng.choice(OUTSIDE), UNKNOWN
    return named(rng, s)


def said(rng, s):
    """Is a word said? The wrong words are of the kind of a right one, half of the time."""
    content = [x for x in s.words if len(x) > 2]
    if content and rng.random() < .5:
        word, truth = rng.choice(content), True
    else:
        lists = [words for words, _, _ in CATEGORIES.values() if any(x in s.words for x in words)] or [w.OBJECTS, w.ADJECTIVES, w.ANIMALS, w.PLACES]
        word, truth = rng.choice(rng.choice(lists)), False
        if word.lower() in s.words:
            truth = True
    return "said", rng.choice(SAID).format(word), yes(truth)


def named(rng, s):
    """Which colour, animal, …? Things that are there are asked for four times out of five."""
    there = {c: words for c in CATEGORIES if (words := of_category(s, c))}
    if there and rng.random() < .8:
        category = rng.choice(sorted(there))
        return category, rng.choice(CATEGORIES[category][1]), capital(" and ".join(there[category])) + "."
    category = rng.choice(sorted(set(CATEGORIES) - set(there)))
    return category, rng.choice(CATEGORIES[category][1]), CATEGORIES[category][2]


def transcript(rng, s):
    return "transcribe", rng.choice(TRANSCRIBE), s.text


def sound_question(rng, sound):
    """About a clip without speech; sound: (kind, detail) of sounds.py."""
    kind, detail = sound
    names = {"tone": f"A {detail} tone.", "sweep": f"A {detail} tone.", "beeps": beeps_text(detail), "noise": "Noise.", "silence": "Silence."}
    about = {"tone": ("pitch", "pitch", "course"), "sweep": ("course", "course"), "beeps": ("beeps",) * 5, "noise": ("noise", "noise"), "silence": ("silence", "silence")}[kind]
    asked = rng.choice(("hear", "hear", "kind", "speaking", "transcribe", "beeps", "noise", "silence", "absent", *about, *about))
    if asked == "hear":
        return asked, rng.choice(HEAR), names[kind]
    if asked == "kind":
        return asked, rng.choice(KIND), {"tone": "A tone.", "sweep": "A tone.", "beeps": "Beeps.", "noise": "Noise.", "silence": "Silence."}[kind]
    if asked == "speaking":
        return asked, rng.choice(SPEAKING), "No."
    if asked == "transcribe":
        return "no_speech", rng.choice(TRANSCRIBE), "No speech."
    if asked == "beeps":
        return asked, rng.choice(BEEPS), f"{capital(WORDS_OF_NUMBER[detail])}." if kind == "beeps" else "One." if kind in ("tone", "sweep") else "None."
    if asked == "noise":
        return asked, rng.choice(NOISE), yes(kind == "noise")
    if asked == "silence":
        return asked, rng.choice(SILENCE), yes(kind == "silence")
    if asked == "pitch":
        return asked, rng.choice(PITCH), f"{capital(detail)}."
    if asked == "course":
        return asked, rng.choice(COURSE), {"rising": "It rises.", "falling": "It falls."}.get(detail, "It stays the same.")
    if rng.random() < .5:
        return "number", rng.choice(NUMBER), "No number."
    category = rng.choice(sorted(CATEGORIES))
    return category, rng.choice(CATEGORIES[category][1]), CATEGORIES[category][2]


def beeps_text(n):
    return f"{capital(WORDS_OF_NUMBER[n])} beep{'' if n == 1 else 's'}." if isinstance(n, int) else ""


def speech_talk(rng, s):
    """Turns about one sentence: the transcript first in half of the cases, one to three turns."""
    turns = [transcript(rng, s) if rng.random() < .55 else speech_question(rng, s)]
    while len(turns) < 3 and rng.random() < .6:
        turns.append(transcript(rng, s) if turns[0][0] not in ("transcribe", "hear") and rng.random() < .5 and len(turns) == 1 else speech_question(rng, s))
    return [(k, q if q or i == 0 else TRANSCRIBE[0], a) for i, (k, q, a) in enumerate(turns)]


def sound_talk(rng, sound):
    turns = [sound_question(rng, sound) for _ in range(rng.choice((1, 2, 3)))]
    return [(k, q if q or i == 0 else TRANSCRIBE[0], a) for i, (k, q, a) in enumerate(turns)]


def plain_talk(rng):
    """Without any audio."""
    turns = []
    for _ in range(rng.choice((1, 2, 3))):
        questions, answer = rng.choice(CHAT)
        question = rng.choice(questions) or TRANSCRIBE[0]
        turns.append(("chat", question, answer))
    return turns
