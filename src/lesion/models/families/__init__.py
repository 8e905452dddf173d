"""The families of models that Lesion knows: a literal table, and those of installed packages.

A new family is a file of this folder and a line of the table. A tiny random model of it in
`tests/families.py` brings it into the suites over all families.
"""

from functools import cache

from lesion.errors import LesionError
from lesion.models.families.albert import ALBERT
from lesion.models.families.base import Family
from lesion.models.families.bert import BERT, ELECTRA, MPNET, ROBERTA, XLM_ROBERTA
from lesion.models.families.deberta import DEBERTA
from lesion.models.families.distilbert import DISTILBERT
from lesion.models.families.gpt2 import GPT2
from lesion.models.families.llama import LLAMA, MISTRAL, QWEN2
from lesion.models.families.modernbert import MODERNBERT
from lesion.models.families.xlm import XLM
from lesion.schema import entries

FAMILIES: dict[str, Family] = {
    "bert": BERT,
    "xlm": XLM,
    "roberta": ROBERTA,
    "xlm-roberta": XLM_ROBERTA,
    "distilbert": DISTILBERT,
    "electra": ELECTRA,
    "albert": ALBERT,
    "mpnet": MPNET,
    "deberta-v2": DEBERTA,
    "modernbert": MODERNBERT,
    "gpt2": GPT2,
    "llama": LLAMA,
    "mistral": MISTRAL,
    "qwen2": QWEN2,
}


def find_family(model_type: str) -> Family | None:
    """The family of a `model_type`: a built-in one, else an installed package's; None if neither.

    Raises:
        LesionError: if two packages offer it, or if a package cannot be loaded.
    """
    return FAMILIES.get(model_type) or _installed_family(model_type)


@cache  # looked up for every part of a model; packages do not come and go in a process
def _installed_family(model_type: str) -> Family | None:
    packages = entries.installed("family")
    if model_type not in packages:
        return None
    family = entries.find("family", model_type, FAMILIES)
    if not isinstance(family, Family) or family.word != model_type:
        raise LesionError(
            f"family: {packages[model_type]} offers {model_type!r}, which must be a Family of this "
            f"word. Got {family!r}. Repair or uninstall the package."
        )
    if family.register is not None:
        family.register()
    return family
