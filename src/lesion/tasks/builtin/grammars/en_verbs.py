"""Sixty English verbs in the present, where verbs show number.

They are the most frequent ones of the novels that have as many pieces in the singular as in the
plural, in the tokenizer of the built-in models. Verbs whose base form is their past too (read, let)
are left out. First verbs and those of relative clauses are in the past and take no clause: in "The
man who saw the boys know the truth" the base form would be right.
"""

from lesion.tasks.builtin.grammars.base import Grammar, SentencePlan, Verb
from lesion.tasks.builtin.grammars.en import GRAMMAR as SMALL
from lesion.tasks.builtin.grammars.en import PEOPLE

TRANSITIVE = ("met", "loved", "followed", "left", "served", "admired")
ONCE = ("met", "saw", "left", "found", "followed")

# fmt: off
VERBS = (
    Verb("is", "are", False, ("ill", "very happy", "quite alone", "not ready", "very kind"),
         ("here", "not here", "at home", "in the garden")),
    Verb("has", "have", False, ("no money", "nothing to say", "no time", "a great secret")),
    Verb("does", "do", False, ("not know the truth", "not speak", "not believe it", "not care")),
    Verb("says", "say", False, ("nothing", "that it is true", "very little", "so")),
    Verb("knows", "know", False, ("the truth", "nothing of this", "the way", "what to do")),
    Verb("comes", "come", False, ("every evening", "home at night", "to London every week")),
    Verb("goes", "go", False, ("to church every Sunday", "to London", "home", "to bed early")),
    Verb("seems", "seem", False, ("very happy", "to be ill", "quite tired", "to think so")),
    Verb("looks", "look", False, ("very ill", "quite tired", "very happy", "sad")),
    Verb("makes", "make", False, ("no noise", "a great mistake", "good wine", "very little money")),
    Verb("means", "mean", False, ("no harm", "to go home", "nothing by it", "to stay")),
    Verb("dies", "die", False, ("of hunger", "of cold", "of grief", "for love")),
    Verb("pays", "pay", False, ("very little", "too much", "no rent", "the whole price")),
    Verb("begins", "begin", False, ("to speak", "to understand", "the work", "to feel tired")),
    Verb("repeats", "repeat", False, ("the story", "the question", "every word", "nothing")),
    Verb("continues", "continue", False, ("to work", "in silence", "the old story", "to suffer")),
    Verb("glances", "glance", False, ("at the sky", "back", "at the letter", "round in fear")),
    Verb("rises", "rise", False, ("very early", "in silence", "to speak", "before the sun")),
    Verb("attempts", "attempt", False, ("to speak", "to sleep", "nothing", "too much")),
    Verb("depends", "depend", False, ("on the weather", "on nobody", "upon us", "on good luck")),
    Verb("studies", "study", False, ("the map", "music", "all night", "the old books")),
    Verb("grows", "grow", False, ("very tired", "pale", "old", "quite angry")),
    Verb("rules", "rule", False, ("the village", "with great care", "the whole family")),
    Verb("jokes", "joke", False, ("about everything", "too much", "about death")),
    Verb("requires", "require", False, ("rest", "money", "no help", "a quiet place")),
    Verb("strikes", "strike", False, ("the table", "a match", "the first blow", "at random")),
    Verb("promises", "promise", False,
         ("nothing", "to come back", "to tell the truth", "too much")),
    Verb("draws", "draw", False,
         ("very well", "a long breath", "near in silence", "the same conclusion")),
    Verb("drives", "drive", False, ("to London", "very fast", "a hard bargain", "the cattle home")),
    Verb("struggles", "struggle", False, ("in vain", "to speak", "with poverty", "to keep calm")),
    Verb("bows", "bow", False, ("very low", "in silence", "to the queen", "with great respect")),
    Verb("deserves", "deserve", False, ("pity", "better luck", "no blame", "a rest")),
    Verb("inquires", "inquire", False, ("about the price", "into everything", "about the past")),
    Verb("pauses", "pause", False, ("for breath", "in silence", "to listen", "for an answer")),
    Verb("pursues", "pursue", False,
         ("the same plan", "pleasure", "the thief", "a dangerous course")),
    Verb("moves", "move", False, ("very slowly", "to London", "in silence", "with great care")),
    Verb("hates", "hate", False, ("London", "war", "the cold", "to be alone")),
    Verb("observes", "observe", False, ("everything", "the stars", "the law", "nothing")),
    Verb("chooses", "choose", False, ("to stay", "the best place", "silence", "the wrong road")),
    Verb("catches", "catch", False,
         ("cold every winter", "the early train", "no fish", "the thief")),
    Verb("wears", "wear", False, ("black", "old clothes", "a hat in church", "a sword")),
    Verb("drinks", "drink", False,
         ("too much wine", "nothing but water", "tea every evening", "to forget")),
    Verb("receives", "receive", False,
         ("no answer", "bad news", "letters every week", "very little money")),
    Verb("judges", "judge", False, ("too quickly", "nobody", "by the result", "very wisely")),
    Verb("fails", "fail", False, ("to understand", "in everything", "to answer", "every time")),
    Verb("shares", "share", False, ("the danger", "the work", "everything", "the same opinion")),
    Verb("praises", "praise", False, ("God", "the wine", "everything", "the weather")),
    Verb("loses", "lose", False, ("all hope", "much money", "the way in the dark", "patience")),
    Verb("possesses", "possess", False, ("great courage", "a large farm", "nothing", "the secret")),
    Verb("attacks", "attack", False, ("the enemy", "at night", "without warning", "the fort")),
    Verb("sinks", "sink", False,
         ("into despair", "into a deep sleep", "very low", "down in silence")),
    Verb("leans", "lean", False,
         ("against the wall", "back in silence", "on a stick", "forward"), ("out of the window",)),
    Verb("knocks", "knock", False, ("very softly", "twice", "in vain", "at every house")),
    Verb("groans", "groan", False, ("in pain", "very loudly", "all night", "without ceasing")),
    Verb("proves", "prove", False, ("very useful", "the truth of it", "nothing", "to be right")),
    Verb("rides", "ride", False, ("very well", "to London", "a black horse", "home in the rain")),
    Verb("refuses", "refuse", False, ("to speak", "the money", "to go home", "all help")),
    Verb("dances", "dance", False, ("very well", "all night", "with great joy", "to the music")),
    Verb("arrives", "arrive", False,
         ("too late", "from London", "every evening", "without warning")),
    Verb("stares", "stare", False, ("at nothing", "into the fire", "in surprise", "at the sky")),
)
# fmt: on


def subject_relative(p: SentencePlan) -> str:
    """The man who met the boys."""
    head, other = p.two(PEOPLE)
    return f"the {head[p.number]} who {p.pick('verb', TRANSITIVE)} the {other[p.other]}"


def object_relative(p: SentencePlan) -> str:
    """The man whom the boys met."""
    head, other = p.two(PEOPLE)
    return f"the {head[p.number]} whom the {other[p.other]} {p.pick('verb', TRANSITIVE)}"


def verb_phrase(p: SentencePlan) -> str:
    """The man met the boys and now: from the past to the present."""
    head, other = p.two(PEOPLE)
    return f"the {head[p.number]} {p.pick('verb', ONCE)} the {other[p.other]} and now"


GRAMMAR = Grammar(
    "en",
    VERBS,
    {
        **SMALL.before,
        "subject-relative": subject_relative,
        "object-relative": object_relative,
        "verb-phrase": verb_phrase,
    },
    {},
)
