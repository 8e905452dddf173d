"""The lesions and distractions that a study describes."""

from lesion.damage.lesion import Lesion, Together, WithRecovery
from lesion.distraction.distraction import Distraction
from lesion.study.specs import LesionSpec

Damage = Lesion | Together | WithRecovery | Distraction


def build(spec: LesionSpec, seed: int) -> Damage:
    """The lesion or distraction that a study describes, addressed by its name and the seed."""
    damage = spec.damage.addressed(spec.address, seed)
    if spec.retrained and not isinstance(damage, Distraction):
        return WithRecovery(damage, spec.retrained, seed)
    return damage
