"""German, with cases and the spelling of the novels (muß). The relative clause's verb agrees."""

from typing import NamedTuple

from lesion.tasks.builtin.grammars.base import Grammar, SentencePlan, Verb


class Noun(NamedTuple):
    """A noun with its gender (m, f, n) and the forms that differ from the nominative."""

    singular: str
    plural: str  # nominative, accusative and genitive
    gender: str
    datives: str  # dative plural
    oblique: str  # accusative and dative singular
    genitive: str  # singular


OWNED = (
    Noun("Freund", "Freunde", "m", "Freunden", "Freund", "Freundes"),
    Noun("Bruder", "Brüder", "m", "Brüdern", "Bruder", "Bruders"),
    Noun("Schwester", "Schwestern", "f", "Schwestern", "Schwester", "Schwester"),
    Noun("Diener", "Diener", "m", "Dienern", "Diener", "Dieners"),
)
KIN = (
    *OWNED,
    Noun("Tochter", "Töchter", "f", "Töchtern", "Tochter", "Tochter"),
    Noun("Sohn", "Söhne", "m", "Söhnen", "Sohn", "Sohnes"),
)
ADULTS = (
    Noun("Mann", "Männer", "m", "Männern", "Mann", "Mannes"),
    Noun("Frau", "Frauen", "f", "Frauen", "Frau", "Frau"),
    Noun("Herr", "Herren", "m", "Herren", "Herrn", "Herrn"),
    Noun("Dame", "Damen", "f", "Damen", "Dame", "Dame"),
    Noun("Soldat", "Soldaten", "m", "Soldaten", "Soldaten", "Soldaten"),
    Noun("Offizier", "Offiziere", "m", "Offizieren", "Offizier", "Offiziers"),
    Noun("Arzt", "Ärzte", "m", "Ärzten", "Arzt", "Arztes"),
    Noun("Bauer", "Bauern", "m", "Bauern", "Bauern", "Bauern"),
)
PEOPLE = (
    *ADULTS,
    Noun("Kind", "Kinder", "n", "Kindern", "Kind", "Kindes"),
    Noun("Knabe", "Knaben", "m", "Knaben", "Knaben", "Knaben"),
    Noun("Mädchen", "Mädchen", "n", "Mädchen", "Mädchen", "Mädchens"),
)
OWNERS = (*ADULTS, Noun("König", "Könige", "m", "Königen", "König", "Königs"))
NOMINATIVE = {"m": "der", "f": "die", "n": "das"}
ACCUSATIVE = {"m": "den", "f": "die", "n": "das"}
DATIVE = {"m": "dem", "f": "der", "n": "dem"}
GENITIVE = {"m": "des", "f": "der", "n": "des"}
ADJECTIVES = (("arme", "armen"), ("gute", "guten"), ("junge", "jungen"))
POSSESSIVES = ("mein", "sein", "unser")
BESIDE = ("mit", "neben", "hinter", "vor")
PLACES = (
    ("vor dem Hause", "vor den Häusern"),
    ("hinter dem Hause", "hinter den Häusern"),
    ("neben dem Fenster", "neben den Fenstern"),
    ("neben der Tür", "neben den Türen"),
    ("unter dem Baume", "unter den Bäumen"),
    ("auf dem Berge", "auf den Bergen"),
)
TRANSITIVE = {
    False: (("kennt", "kennen"), ("sieht", "sehen"), ("sucht", "suchen"), ("hört", "hören")),
    True: (("kannte", "kannten"), ("sah", "sahen"), ("suchte", "suchten"), ("hörte", "hörten")),
}
RESTING = {
    False: (("schläft", "schlafen"), ("weint", "weinen"), ("wartet", "warten")),
    True: (("schlief", "schliefen"), ("weinte", "weinten"), ("wartete", "warteten")),
}
BEING = ("sehr krank", "ganz allein", "müde", "sehr glücklich", "in Gefahr", "nicht zufrieden")
HAVING = ("den Brief gelesen", "recht", "die Wahrheit gesagt", "kein Geld", "nichts gehört",
          "viel zu tun", "alles verloren", "keine Zeit", "die Stadt verlassen")  # fmt: skip

VERBS = (
    Verb("ist", "sind", False, BEING, ("hier", "dort", "im Garten", "zu Hause"), 4),
    Verb("war", "waren", True, BEING, ("hier", "dort", "im Garten", "zu Hause"), 4),
    Verb("hat", "haben", False, HAVING, (), 3),
    Verb("hatte", "hatten", True, HAVING, (), 3),
    Verb("wird", "werden", False, ("bald kommen", "bald sterben", "alles erfahren"), (), 2),
    Verb("kann", "können", False, ("nicht schlafen", "nichts sagen", "nicht kommen"), (), 2),
    Verb("will", "wollen", False, ("nach Hause gehen", "nichts sagen", "alles wissen")),
    Verb("muß", "müssen", False, ("nach Hause gehen", "die Wahrheit sagen", "bald sterben")),
    Verb("kommt", "kommen", False, ("bald zurück", "aus der Stadt", "nach Hause")),
    Verb("weiß", "wissen", False, ("nichts davon", "die Wahrheit", "alles", "keinen Rat")),
    Verb("ging", "gingen", True, ("nach Hause", "in die Kirche", "langsam weiter")),
    Verb("konnte", "konnten", True, ("nicht schlafen", "nichts sagen", "alles hören")),
    Verb("wollte", "wollten", True, ("nach Hause gehen", "nichts sagen", "alles wissen")),
)


def subject(noun: Noun, number: int) -> str:
    """The noun with its article in the nominative."""
    return f"die {noun.plural}" if number else f"{NOMINATIVE[noun.gender]} {noun.singular}"


def direct_object(noun: Noun, number: int) -> str:
    """The same in the accusative."""
    return f"die {noun.plural}" if number else f"{ACCUSATIVE[noun.gender]} {noun.oblique}"


def simple(p: SentencePlan) -> str:
    """Der arme Mann · Meine Brüder."""
    if p.other == p.number:
        head, whose = p.pick("head", KIN), p.pick("whose", POSSESSIVES)
        return f"{whose}{'e' if p.number or head.gender == 'f' else ''} {head[p.number]}"
    head, adjective = p.pick("head", PEOPLE), p.pick("adjective", ADJECTIVES)
    article, noun = subject(head, p.number).split()
    return f"{article} {adjective[p.number]} {noun}"


def phrase(p: SentencePlan) -> str:
    """Der Freund der Könige · Die Frauen mit dem Kind · Der Mann unter den Bäumen."""
    kind = p.pick("kind", ("of", "beside", "place"))
    if kind == "of":
        owner = p.pick("owner", OWNERS)
        whose = f"der {owner.plural}" if p.other else f"{GENITIVE[owner.gender]} {owner.genitive}"
        return f"{subject(p.pick('head', OWNED), p.number)} {whose}"
    head, other = p.two(PEOPLE)
    if kind == "beside":
        whom = f"den {other.datives}" if p.other else f"{DATIVE[other.gender]} {other.oblique}"
        return f"{subject(head, p.number)} {p.pick('beside', BESIDE)} {whom}"
    return f"{subject(head, p.number)} {p.pick('place', PLACES)[p.other]}"


def subject_relative(p: SentencePlan) -> str:
    """Der Mann, der die Kinder sah,."""
    head, other = p.two(PEOPLE)
    pronoun = "die" if p.number else NOMINATIVE[head.gender]
    verb = p.pick("verb", TRANSITIVE[p.past])[p.number]
    return f"{subject(head, p.number)}, {pronoun} {direct_object(other, p.other)} {verb},"


def object_relative(p: SentencePlan) -> str:
    """Der Mann, den die Kinder sahen,."""
    head, other = p.two(PEOPLE)
    pronoun = "die" if p.number else ACCUSATIVE[head.gender]
    verb = p.pick("verb", TRANSITIVE[p.past])[p.other]
    return f"{subject(head, p.number)}, {pronoun} {subject(other, p.other)} {verb},"


def coordination(p: SentencePlan) -> str:
    """Die Frau und der Mann (plural) · Die Frauen schliefen, und der Mann (singular)."""
    first, second = p.two(PEOPLE)
    resting = "" if p.number else f" {p.pick('resting', RESTING[p.past])[p.other]},"
    return f"{subject(first, p.other)}{resting} und {subject(second, 0)}"


def verb_phrase(p: SentencePlan) -> str:
    """Der Mann sah die Kinder und."""
    head, other = p.two(PEOPLE)
    verb = p.pick("verb", TRANSITIVE[p.past])[p.number]
    return f"{subject(head, p.number)} {verb} {direct_object(other, p.other)} und"


GRAMMAR = Grammar(
    "de",
    VERBS,
    {
        "simple": simple,
        "phrase": phrase,
        "subject-relative": subject_relative,
        "object-relative": object_relative,
        "coordination": coordination,
        "verb-phrase": verb_phrase,
    },
    {},
)
