"""Names for things: mostly plain, some of the kind that breaks careless programs."""

from collections.abc import Sequence
from random import Random

TOPICS = (
    "orders", "billing", "clicks", "churn", "fraud", "inventory", "pricing", "claims",
    "sessions", "devices", "payments", "returns", "leads", "telemetry", "shipments", "ads",
)  # fmt: skip
VERBS = (
    "ingest",
    "clean",
    "score",
    "train",
    "export",
    "merge",
    "archive",
    "report",
    "backfill",
)
PEOPLE = (
    "ada", "grace", "edsger", "barbara", "ken", "margaret", "alan", "radia", "donald",
    "frances", "leslie", "shafi", "tony", "adele", "niklaus", "jean",
)  # fmt: skip

# Ids of the platform that survive only in 64-bit integers, and text that survives only
# where nothing is obeyed, cut or normalised on the way.
BEYOND_DOUBLE = 1 << 53
STRANGE = (
    "\x1b[31mred\x1b[0m alert",
    "Überblick / Köln",
    "売上 レポート",
    "прогноз спроса",
    "🚀 launch",
    'quote " and \\ backslash',
    "a,b;c|d\tTab",
    "=1+1",
    "line\u2028separator",
    "e\u0301te\u0301 (decomposed)",
)
STRANGE_FILES = (
    "with space.csv",
    "año#1.parquet",
    "what?.json",
    "100%.txt",
    "a+b&c=d.bin",
    "ünï-cödé 数据",
    "%2e%2e",
)


def topic(random: Random, number: int) -> str:
    """Return a name such as ``score-orders-17``; one in twelve is strange."""
    if number % 12 == 5:
        return f"{STRANGE[number // 12 % len(STRANGE)]} {number}"
    return f"{random.choice(VERBS)}-{random.choice(TOPICS)}-{number}"


def identifier(random: Random, number: int) -> str:
    """Return a plain name such as ``orders_17``."""
    return f"{random.choice(TOPICS)}_{number}"


def email(number: int) -> str:
    """Return the login name of a person."""
    first = PEOPLE[number % len(PEOPLE)]
    return f"{first}.{number:04d}@example.com"


def uuid(random: Random) -> str:
    """Return 32 hexadecimal digits with dashes."""
    text = f"{random.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def digits(random: Random, length: int = 15) -> int:
    """Return a number of exactly ``length`` digits."""
    return random.randrange(10 ** (length - 1), 10**length)


def hexadecimal(random: Random, length: int = 16) -> str:
    """Return ``length`` hexadecimal digits."""
    return f"{random.getrandbits(4 * length):0{length}x}"


def pick(random: Random, choices: Sequence[str], *weights: int) -> str:
    """Return one of ``choices``, weighted."""
    return random.choices(choices, weights)[0]


SEEDED_AT = 1_795_392_000_000  # 2026-11-23T00:00:00Z in ms: nothing seeded is younger
DAY = 86_400_000  # milliseconds


def past(random: Random, days: float = 700) -> int:
    """Return a moment in the last ``days``, in epoch milliseconds."""
    return SEEDED_AT - int(random.random() * days * DAY)
