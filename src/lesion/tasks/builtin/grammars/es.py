"""Spanish, with contractions and the personal a. The verb of a subject relative agrees too."""

from typing import NamedTuple

from lesion.tasks.builtin.grammars.base import Grammar, SentencePlan, Verb


class Noun(NamedTuple):
    """A noun with its gender."""

    singular: str
    plural: str
    feminine: bool = False


OWNED = (
    Noun("amigo", "amigos"),
    Noun("amiga", "amigas", True),
    Noun("hermano", "hermanos"),
    Noun("hermana", "hermanas", True),
    Noun("criado", "criados"),
    Noun("vecino", "vecinos"),
)
KIN = (*OWNED, Noun("hijo", "hijos"), Noun("hija", "hijas", True))
ADULTS = (
    Noun("hombre", "hombres"),
    Noun("mujer", "mujeres", True),
    Noun("señor", "señores"),
    Noun("señora", "señoras", True),
    Noun("soldado", "soldados"),
    Noun("caballero", "caballeros"),
    Noun("médico", "médicos"),
)
PEOPLE = (
    *ADULTS,
    Noun("niño", "niños"),
    Noun("niña", "niñas", True),
    Noun("muchacho", "muchachos"),
    Noun("muchacha", "muchachas", True),
)
OWNERS = (*ADULTS, Noun("rey", "reyes"))
ADJECTIVES = (("pobre", "pobres"), ("noble", "nobles"))
POSSESSIVES = (("mi", "mis"), ("su", "sus"))
BESIDE = ("detrás de", "cerca de", "delante de")  # not con, which may make a plural of both
PLACES = (
    ("delante de la casa", "delante de las casas"),
    ("detrás de la casa", "detrás de las casas"),
    ("cerca de la puerta", "cerca de las puertas"),
    ("junto al árbol", "junto a los árboles"),
    ("junto a la ventana", "junto a las ventanas"),
    ("bajo el árbol", "bajo los árboles"),
)
TRANSITIVE = {
    False: (
        ("conoce", "conocen"),
        ("mira", "miran"),
        ("espera", "esperan"),
        ("busca", "buscan"),
    ),
    True: (
        ("conocía", "conocían"),
        ("miraba", "miraban"),
        ("esperaba", "esperaban"),
        ("buscaba", "buscaban"),
    ),
}
ADJUNCTS = ("al ver", "al oír", "sin mirar", "sin esperar")
RESTING = {
    False: (("duerme", "duermen"), ("llora", "lloran"), ("espera", "esperan")),
    True: (("dormía", "dormían"), ("lloraba", "lloraban"), ("esperaba", "esperaban")),
}
STANDING = ("bien", "de pie", "en peligro", "sin dinero", "de vuelta", "a punto de salir")
DONE = ("leído la carta", "dicho la verdad", "perdido la razón", "llegado tarde", "sufrido mucho",
        "vuelto de Madrid", "salido de casa", "oído un grito")  # fmt: skip
HAVING = ("razón", "miedo", "hambre", "sueño", "mucho que hacer", "mucha prisa")
GOING = ("a morir", "a salir", "a hablar", "a comer", "a Madrid")

VERBS = (
    Verb("está", "están", False, STANDING, ("aquí", "allí", "en casa", "en la iglesia"), 3),
    Verb("estaba", "estaban", True, STANDING, ("aquí", "allí", "en casa", "en la iglesia"), 3),
    Verb("es", "son", False, ("de Madrid", "de buena familia", "de otro pueblo"), (), 2),
    Verb("era", "eran", True, ("de Madrid", "de buena familia", "de otro pueblo"), (), 3),
    Verb("ha", "han", False, DONE, (), 3),
    Verb("había", "habían", True, DONE, (), 3),
    Verb("tiene", "tienen", False, HAVING, (), 2),
    Verb("tenía", "tenían", True, HAVING, (), 2),
    Verb("va", "van", False, GOING),
    Verb("iba", "iban", True, GOING),
    Verb("puede", "pueden", False, ("hablar", "venir mañana", "salir", "decir la verdad")),
    Verb("quería", "querían", True, ("hablar", "salir", "saber la verdad", "volver a casa")),
)


def the(noun: Noun, number: int) -> str:
    """The noun with its definite article."""
    article = (("el", "la"), ("los", "las"))[number][noun.feminine]
    return f"{article} {noun[number]}"


def after(preposition: str, noun: Noun, number: int) -> str:
    """The same after a preposition."""
    phrase = f"{preposition} {the(noun, number)}"
    return phrase.replace("de el ", "del ").replace("a el ", "al ")


def simple(p: SentencePlan) -> str:
    """El pobre hombre · Mis hermanos."""
    if p.other == p.number:
        return f"{p.pick('whose', POSSESSIVES)[p.number]} {p.pick('head', KIN)[p.number]}"
    head, adjective = p.pick("head", PEOPLE), p.pick("adjective", ADJECTIVES)
    article, noun = the(head, p.number).split()
    return f"{article} {adjective[p.number]} {noun}"


def phrase(p: SentencePlan) -> str:
    """El amigo de los reyes · Las mujeres cerca del niño · El hombre bajo los árboles."""
    kind = p.pick("kind", ("of", "beside", "place"))
    if kind == "of":
        owner = after("de", p.pick("owner", OWNERS), p.other)
        return f"{the(p.pick('head', OWNED), p.number)} {owner}"
    head, other = p.two(PEOPLE)
    if kind == "beside":
        return f"{the(head, p.number)} {after(p.pick('beside', BESIDE), other, p.other)}"
    return f"{the(head, p.number)} {p.pick('place', PLACES)[p.other]}"


def subject_relative(p: SentencePlan) -> str:
    """El hombre que miraba a los niños."""
    head, other = p.two(PEOPLE)
    verb = p.pick("verb", TRANSITIVE[p.past])[p.number]
    return f"{the(head, p.number)} que {verb} {after('a', other, p.other)}"


def object_relative(p: SentencePlan) -> str:
    """El hombre que los niños miraban: que shows no number, as a quien would."""
    head, other = p.two(PEOPLE)
    verb = p.pick("verb", TRANSITIVE[p.past])[p.other]
    return f"{the(head, p.number)} que {the(other, p.other)} {verb}"


def coordination(p: SentencePlan) -> str:
    """La mujer y el hombre (plural) · Las mujeres dormían y el hombre (singular)."""
    first, second = p.two(PEOPLE)
    resting = "" if p.number else f" {p.pick('resting', RESTING[p.past])[p.other]}"
    return f"{the(first, p.other)}{resting} y {the(second, 0)}"


def verb_phrase(p: SentencePlan) -> str:
    """El hombre, al ver a los niños,. Not "miraba a los niños y": what follows may be theirs."""
    head, other = p.two(PEOPLE)
    return f"{the(head, p.number)}, {p.pick('verb', ADJUNCTS)} {after('a', other, p.other)},"


GRAMMAR = Grammar(
    "es",
    VERBS,
    {
        "simple": simple,
        "phrase": phrase,
        "subject-relative": subject_relative,
        "object-relative": object_relative,
        "coordination": coordination,
        "verb-phrase": verb_phrase,
    },
    {"verb-phrase": frozenset({"es", "era", "está", "estaba"})},
)
