"""French, with elision and contraction. The verb of a subject relative clause agrees too."""

from typing import NamedTuple

from lesion.tasks.builtin.grammars.base import Grammar, SentencePlan, Verb


class Noun(NamedTuple):
    """A noun; `elides` where the article before its singular is l'."""

    singular: str
    plural: str
    feminine: bool = False
    elides: bool = False


OWNED = (
    Noun("ami", "amis", elides=True),
    Noun("frère", "frères"),
    Noun("sœur", "sœurs", True),
    Noun("domestique", "domestiques"),
    Noun("voisin", "voisins"),
)
KIN = (*OWNED, Noun("fille", "filles", True))
ADULTS = (
    Noun("homme", "hommes", elides=True),
    Noun("femme", "femmes", True),
    Noun("dame", "dames", True),
    Noun("soldat", "soldats"),
    Noun("officier", "officiers", elides=True),
    Noun("médecin", "médecins"),
    Noun("prêtre", "prêtres"),
    Noun("paysan", "paysans"),
)
PEOPLE = (*ADULTS, Noun("garçon", "garçons"), Noun("enfant", "enfants", elides=True))
OWNERS = (*ADULTS, Noun("roi", "rois"))
ADJECTIVES = (("pauvre", "pauvres"), ("jeune", "jeunes"), ("brave", "braves"))
POSSESSIVES = (("mon", "ma", "mes"), ("son", "sa", "ses"), ("notre", "notre", "nos"))
BESIDE = ("devant", "derrière")  # not avec, which may make a plural of both
PLACES = (
    ("devant la maison", "devant les maisons"),
    ("derrière la maison", "derrière les maisons"),
    ("près de la porte", "près des portes"),
    ("sous l'arbre", "sous les arbres"),
    ("près du mur", "près des murs"),
    ("près de la fenêtre", "près des fenêtres"),
)
TRANSITIVE = {
    False: (
        ("connaît", "connaissent"),
        ("regarde", "regardent"),
        ("attend", "attendent"),
        ("cherche", "cherchent"),
    ),
    True: (
        ("connaissait", "connaissaient"),
        ("regardait", "regardaient"),
        ("attendait", "attendaient"),
        ("cherchait", "cherchaient"),
    ),
}
RESTING = {
    False: (("dort", "dorment"), ("pleure", "pleurent"), ("attend", "attendent")),
    True: (("dormait", "dormaient"), ("pleurait", "pleuraient"), ("attendait", "attendaient")),
}

VERBS = (
    Verb(
        "est",
        "sont",
        False,
        ("en colère", "de retour", "sans argent", "en danger", "en voyage", "au désespoir"),
        ("ici", "là", "à Paris", "au jardin", "à table"),
        5,
    ),
    Verb(
        "était",
        "étaient",
        True,
        ("en colère", "de retour", "sans argent", "en danger", "à genoux", "au désespoir"),
        ("là", "à Paris", "au jardin", "à table"),
        5,
    ),
    Verb(
        "a",
        "ont",
        False,
        ("lu la lettre", "raison", "peur", "tout perdu", "dit la vérité", "besoin d'argent",
         "quitté la ville", "beaucoup souffert"),
        (),
        4,
    ),
    Verb(
        "avait",
        "avaient",
        True,
        ("lu la lettre", "raison", "peur", "tout perdu", "dit la vérité", "besoin d'argent",
         "quitté la ville", "beaucoup souffert"),
        (),
        4,
    ),
    Verb("va", "vont", False, ("partir", "mourir", "sortir", "parler", "répondre")),
    Verb("allait", "allaient", True, ("partir", "mourir", "sortir", "parler", "répondre")),
    Verb("savait", "savaient", True, ("la vérité", "tout", "ce qu'il fallait faire", "lire")),
    Verb("voulait", "voulaient", True, ("partir", "parler", "rester", "dormir", "mourir")),
    Verb("disait", "disaient", True, ("la vérité", "toujours non", "peu de chose")),
    Verb("semblait", "semblaient", True, ("rêver", "avoir peur", "souffrir", "réfléchir")),
    Verb("peut", "peuvent", False, ("partir demain", "tout entendre", "rester", "parler")),
)  # fmt: skip


def the(noun: Noun, number: int) -> str:
    """The noun with its definite article."""
    if number:
        return f"les {noun.plural}"
    if noun.elides:
        return f"l'{noun.singular}"
    return f"{'la' if noun.feminine else 'le'} {noun.singular}"


def of_the(noun: Noun, number: int) -> str:
    """The same after `de`."""
    phrase = f"de {the(noun, number)}"
    return phrase.replace("de les ", "des ").replace("de le ", "du ")


def simple(p: SentencePlan) -> str:
    """Le pauvre homme · Mes frères."""
    if p.other == p.number:
        head, whose = p.pick("head", KIN), p.pick("whose", POSSESSIVES)
        return f"{whose[2 if p.number else head.feminine]} {head[p.number]}"
    head, adjective = p.pick("head", PEOPLE), p.pick("adjective", ADJECTIVES)
    article = "les" if p.number else "la" if head.feminine else "le"
    return f"{article} {adjective[p.number]} {head[p.number]}"


def phrase(p: SentencePlan) -> str:
    """L'ami des rois · Les femmes devant l'enfant · L'homme sous les arbres."""
    kind = p.pick("kind", ("of", "beside", "place"))
    if kind == "of":
        return f"{the(p.pick('head', OWNED), p.number)} {of_the(p.pick('owner', OWNERS), p.other)}"
    head, other = p.two(PEOPLE)
    if kind == "beside":
        return f"{the(head, p.number)} {p.pick('beside', BESIDE)} {the(other, p.other)}"
    return f"{the(head, p.number)} {p.pick('place', PLACES)[p.other]}"


def subject_relative(p: SentencePlan) -> str:
    """L'homme qui regardait les enfants."""
    head, other = p.two(PEOPLE)
    verb = p.pick("verb", TRANSITIVE[p.past])[p.number]
    return f"{the(head, p.number)} qui {verb} {the(other, p.other)}"


def object_relative(p: SentencePlan) -> str:
    """L'homme que les enfants regardaient."""
    head, other = p.two(PEOPLE)
    verb = p.pick("verb", TRANSITIVE[p.past])[p.other]
    return f"{the(head, p.number)} que {the(other, p.other)} {verb}"


def coordination(p: SentencePlan) -> str:
    """La femme et l'homme (plural) · Les femmes dormaient et l'homme (singular)."""
    first, second = p.two(PEOPLE)
    resting = "" if p.number else f" {p.pick('resting', RESTING[p.past])[p.other]}"
    return f"{the(first, p.other)}{resting} et {the(second, 0)}"


def verb_phrase(p: SentencePlan) -> str:
    """L'homme regardait les enfants et."""
    head, other = p.two(PEOPLE)
    verb = p.pick("verb", TRANSITIVE[p.past])[p.number]
    return f"{the(head, p.number)} {verb} {the(other, p.other)} et"


GRAMMAR = Grammar(
    "fr",
    VERBS,
    {
        "simple": simple,
        "phrase": phrase,
        "subject-relative": subject_relative,
        "object-relative": object_relative,
        "coordination": coordination,
        "verb-phrase": verb_phrase,
    },
    {"verb-phrase": frozenset({"est"})},  # "et est" is avoided in writing
)
