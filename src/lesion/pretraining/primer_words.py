"""The words of each language that a primer needs: a few closed classes, and verbs.

Verbs are pairs (singular, plural): the auxiliaries, which no primer can do without, and full verbs
that the built-in agreement task does not use. The other verbs of the task do not occur in primers.
"""

from typing import NamedTuple


class Primer(NamedTuple):
    """Closed classes of one language, in lower case."""

    verbs: tuple[tuple[str, str], ...]
    counted: frozenset[str]  # singular forms of the verbs whose number is unambiguous
    determiners: frozenset[str]
    prepositions: frozenset[str]
    relatives: frozenset[str]
    conjunction: str
    blocking: frozenset[str]  # just before a verb: it is probably not a third person
    commas: bool  # whether a relative clause is set off by commas


def _verbs(text: str) -> tuple[tuple[str, str], ...]:
    forms = text.split()
    return tuple(zip(forms[::2], forms[1::2], strict=True))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PRIMERS = {
    "en": Primer(
        _verbs(
            "is are was were has have does do makes make gives give takes take thinks think "
            "stands stand lies lie feels feel tells tell means mean loves love sees see"
        ),
        _words("is was"),
        _words("the a an his her my their our your this that these those"),
        _words("of in on near by with from behind beside under at for among before"),
        _words("who whom"),
        "and",
        _words(
            "could would should might may must will shall can cannot did let don t to not if "
            "though i you make makes made"
        ),
        False,
    ),
    "fr": Primer(
        _verbs(
            "est sont était étaient a ont avait avaient fut furent fait font vient viennent "
            "doit doivent pouvait pouvaient devait devaient venait venaient tenait tenaient"
        ),
        _words("est était avait"),
        _words("le la les l un une des ses son sa mon ma mes leur leurs ce cette ces notre nos du"),
        _words("de dans sur près avec derrière sous devant pour du des"),
        _words("qui que"),
        "et",
        _words("je tu vous nous n l y en se s"),
        False,
    ),
    "de": Primer(
        _verbs(
            "ist sind war waren hat haben hatte hatten wird werden wurde wurden kam kamen "
            "stand standen saß saßen lag lagen sollte sollten mußte mußten steht stehen"
        ),
        _words("ist war hatte"),
        _words(
            "der die das den dem des ein eine einen einem eines seine sein seinen ihre ihr "
            "ihren mein meine"
        ),
        _words("in im auf an bei mit von vor hinter neben unter aus"),
        _words("der die das den dem denen"),
        "und",
        _words("ich du sie wir zu"),
        True,
    ),
    "es": Primer(
        _verbs(
            "es son era eran está están estaba estaban ha han había habían fue fueron hace "
            "hacen parece parecen podía podían decía decían debía debían hacía hacían"
        ),
        _words("es era estaba había"),
        _words("el la los las un una sus su mi mis este esta estos estas nuestro nuestros"),
        _words("de en con sobre por detrás bajo ante para del"),
        _words("que quien"),
        "y",
        _words("yo tú nosotros no se"),
        False,
    ),
}
