"""English. Relative clauses and first verbs are in the past, which shows no number.

No modals there: in "The man can see the boys and go home" the form without -s would be right.
"""

from lesion.tasks.builtin.grammars.base import Grammar, SentencePlan, Verb

OWNED = (
    ("friend", "friends"),
    ("brother", "brothers"),
    ("sister", "sisters"),
    ("servant", "servants"),
)
KIN = (*OWNED, ("daughter", "daughters"), ("son", "sons"))
ADULTS = (
    ("man", "men"),
    ("woman", "women"),
    ("lady", "ladies"),
    ("gentleman", "gentlemen"),
    ("soldier", "soldiers"),
    ("officer", "officers"),
    ("doctor", "doctors"),
)
PEOPLE = (*ADULTS, ("boy", "boys"), ("girl", "girls"), ("child", "children"))
OWNERS = (*ADULTS, ("king", "kings"))
ADJECTIVES = ("poor", "young", "good")
POSSESSIVES = ("my", "his", "her", "our")
BESIDE = ("near", "behind", "beside")
PLACES = (
    ("near the house", "near the houses"),
    ("behind the house", "behind the houses"),
    ("near the tree", "near the trees"),
    ("under the tree", "under the trees"),
    ("by the window", "by the windows"),
    ("near the door", "near the doors"),
)
NOTICED = ("saw", "heard", "knew", "met")
TRANSITIVE = ("saw", "knew", "loved", "met", "heard", "followed")
RESTING = {
    False: (("sleeps", "sleep"), ("waits", "wait"), ("comes", "come")),
    True: (("slept", "slept"), ("waited", "waited"), ("came", "came")),
}

VERBS = (
    Verb(
        "is",
        "are",
        False,
        ("ill", "very happy", "quite alone", "not ready", "afraid", "very kind", "still alive"),
        ("here", "not here", "at home", "in the garden"),
        5,
    ),
    Verb(
        "was",
        "were",
        True,
        ("ill", "very happy", "quite alone", "not ready", "afraid", "silent", "very tired"),
        ("there", "not there", "at home", "in the garden"),
        5,
    ),
    Verb(
        "has",
        "have",
        False,
        ("read the letter", "no money", "nothing to say", "told the truth", "lost everything",
         "heard the news", "never been happy", "seen the danger"),
        ("come back", "gone to London"),
        4,
    ),
    Verb(
        "does",
        "do",
        False,
        ("not know the truth", "not speak", "not believe it", "not care", "not like it"),
        (),
        3,
    ),
    Verb("says", "say", False, ("nothing", "that it is true", "very little", "so")),
    Verb("knows", "know", False, ("the truth", "nothing of this", "the way", "what to do")),
    Verb("comes", "come", False, ("from London", "every evening"), ("here every day",)),
    Verb("goes", "go", False, ("to church every Sunday", "to London", "home")),
    Verb("seems", "seem", False, ("very happy", "to be ill", "quite tired", "to think so")),
    Verb("looks", "look", False, ("very ill", "quite tired", "very happy", "sad")),
    Verb("wants", "want", False, ("to go home", "money", "to know the truth", "to speak")),
    Verb("lives", "live", False, ("quite alone", "very well"), ("in London", "near the sea")),
)  # fmt: skip


def simple(p: SentencePlan) -> str:
    """The poor man · My brothers."""
    if p.other == p.number:
        return f"{p.pick('whose', POSSESSIVES)} {p.pick('head', KIN)[p.number]}"
    return f"the {p.pick('adjective', ADJECTIVES)} {p.pick('head', PEOPLE)[p.number]}"


def phrase(p: SentencePlan) -> str:
    """The friend of the kings · The man near the boys · The men near the house."""
    kind = p.pick("kind", ("of", "beside", "place"))
    if kind == "of":
        return f"the {p.pick('head', OWNED)[p.number]} of the {p.pick('owner', OWNERS)[p.other]}"
    head, other = p.two(PEOPLE)
    if kind == "beside":
        return f"the {head[p.number]} {p.pick('beside', BESIDE)} the {other[p.other]}"
    return f"the {head[p.number]} {p.pick('place', PLACES)[p.other]}"


def subject_relative(p: SentencePlan) -> str:
    """The man who saw the boys."""
    head, other = p.two(PEOPLE)
    return f"the {head[p.number]} who {p.pick('verb', TRANSITIVE)} the {other[p.other]}"


def object_relative(p: SentencePlan) -> str:
    """The man whom the boys saw."""
    head, other = p.two(PEOPLE)
    return f"the {head[p.number]} whom the {other[p.other]} {p.pick('verb', TRANSITIVE)}"


def coordination(p: SentencePlan) -> str:
    """The woman and the man (plural) · The women slept and the man (singular)."""
    first, second = p.two(PEOPLE)
    resting = "" if p.number else f" {p.pick('resting', RESTING[p.past])[p.other]}"
    return f"the {first[p.other]}{resting} and the {second[0]}"


def verb_phrase(p: SentencePlan) -> str:
    """The man saw the boys and."""
    head, other = p.two(PEOPLE)
    return f"the {head[p.number]} {p.pick('verb', NOTICED)} the {other[p.other]} and"


GRAMMAR = Grammar(
    "en",
    VERBS,
    {
        "simple": simple,
        "phrase": phrase,
        "subject-relative": subject_relative,
        "object-relative": object_relative,
        "coordination": coordination,
        "verb-phrase": verb_phrase,
    },
    {"verb-phrase": frozenset({"comes", "lives"})},
)
