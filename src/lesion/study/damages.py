"""The lesions and distractions that a study describes."""

import dataclasses

from lesion.damage.lesion import Lesion, Recovering, Together
from lesion.distraction.corruptions import PARAMETERS
from lesion.distraction.distraction import Distraction
from lesion.study.specs import LesionSpec

Damage = Lesion | Together | Recovering | Distraction


def build(spec: LesionSpec, seed: int) -> Damage:
    """The lesion or distraction that a study describes, keyed by the study's seed."""
    if spec.distraction:
        parameters = {key: getattr(spec, key) for key in PARAMETERS}
        return Distraction(
            spec.distraction, columns=spec.columns, name=spec.name, seed=seed, **parameters
        )
    damage = _damage(spec, seed)
    return Recovering(damage, spec.retrained, seed) if spec.retrained else damage


def _damage(spec: LesionSpec, seed: int) -> Lesion | Together:
    if not spec.together:
        return _single(dataclasses.replace(spec, name=spec.address), seed)
    named = [
        dataclasses.replace(part, name=f"{spec.address}/{part.name}") for part in spec.together
    ]
    return Together(tuple(_single(part, seed) for part in named), spec.address)


def _single(spec: LesionSpec, seed: int) -> Lesion:
    names = {field.name for field in dataclasses.fields(Lesion)}
    same = {
        field.name: getattr(spec, field.name)
        for field in dataclasses.fields(spec)
        if field.name in names
    }
    where = spec.where
    return Lesion(**same, layers=where.layers, parts=where.parts, tensors=where.tensors, seed=seed)
