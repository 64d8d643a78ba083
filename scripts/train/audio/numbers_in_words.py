"""Numbers, dates and times in words."""
from words import MONTHS, ORDINALS, TENS, UNITS


def below_hundred(n):
    return UNITS[n] if n < 20 else TENS[n // 10] + ("" if n % 10 == 0 else " " + UNITS[n % 10])


def cardinal(n, with_and=True):
    """0 to 9999 in words; with_and: the British manner, "two hundred and five"."""
    parts, rest = [], n
    if n >= 1000:
        parts.append(UNITS[n // 1000] + " thousand")
        rest = n % 1000
    if rest >= 100:
        parts.append(UNITS[rest // 100] + " hundred")
        rest %= 100
        if rest and with_and:
            parts.append("and")
    elif parts and rest and with_and:
        parts.append("and")
    if rest or n == 0:
        parts.append(below_hundred(rest))
    return " ".join(parts)


def year(n):
    """1100 to 1999 as people say them."""
    rest = n % 100
    return below_hundred(n // 100) + " " + ("hundred" if rest == 0 else "oh " + UNITS[rest] if rest < 10 else below_hundred(rest))


def ordinal(n):
    """1 to 31."""
    if n <= 20:
        return ORDINALS[n - 1]
    return "thirtieth" if n == 30 else TENS[n // 10] + " " + ORDINALS[n % 10 - 1]


def random_number(rng):
    """(digits, words)"""
    kind = rng.random()
    if kind < .3:
        n = rng.randrange(0, 100)
    elif kind < .42:
        n = rng.randrange(0, 21)
    elif kind < .62:
        n = rng.randrange(100, 1000)
    elif kind < .78:
        n = rng.randrange(1000, 10000)
    elif kind < .84:
        n = rng.randrange(1, 10) * 10 ** rng.randrange(1, 4)
    elif kind < .9:
        n = rng.randrange(1100, 2000)
        return str(n), year(n)
    else:
        digits = [rng.randrange(10) for _ in range(rng.randrange(2, 7))]
        return "".join(map(str, digits)), " ".join(UNITS[d] for d in digits)
    return str(n), cardinal(n, rng.random() < .6)


def small_number(rng, low=2, high=100):
    n = rng.randrange(low, 13) if rng.random() < .6 else rng.randrange(low, high)
    return str(n), cardinal(n)


def clock_time(rng):
    """(digits as 10:15, words)"""
    hour, kind = rng.randrange(1, 13), rng.randrange(6)
    after = hour % 12 + 1
    if kind == 0:
        return f"{hour}:00", f"{UNITS[hour]} o'clock"
    if kind == 1:
        return f"{hour}:30", f"half past {UNITS[hour]}"
    if kind == 2:
        return (f"{hour}:15", f"a quarter past {UNITS[hour]}") if rng.random() < .5 else (f"{hour}:45", f"a quarter to {UNITS[after]}")
    if kind == 3:
        minutes = rng.choice([5, 10, 20, 25])
        return (f"{hour}:{minutes:02}", f"{below_hundred(minutes)} past {UNITS[hour]}") if rng.random() < .5 else (f"{hour}:{60 - minutes}", f"{below_hundred(minutes)} to {UNITS[after]}")
    minutes = rng.randrange(10, 60)
    return f"{hour}:{minutes}", f"{UNITS[hour]} {below_hundred(minutes)}"


def date(rng):
    day, month = rng.randrange(1, 32), rng.choice(MONTHS)
    return f"the {ordinal(day)} of {month}" if rng.random() < .5 else f"{month} the {ordinal(day)}"
