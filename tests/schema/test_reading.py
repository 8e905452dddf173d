"""Any class of fields is read from a mapping: strictly, all mistakes at once, in sentences."""

import dataclasses
import enum
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field

from lesion import schema
from lesion.pretraining.family import Pretraining
from lesion.schema import Between, ByShape, Expand, File, OneOf, ReadsItself, Spec, doc
from lesion.study.study import Study
from lesion.tasks.metrics import Metric


@dataclass(frozen=True)
class Inner(Spec):
    """An inner thing.

    With a second line.
    """

    start: Annotated[int, Between(1), doc("first", key="from")]
    end: Annotated[int | None, Between(high=9), doc("last")] = None

    def __post_init__(self) -> None:
        if self.end is not None and self.end < self.start:
            raise ValueError("needs from <= end.\nAnd more.")


@dataclass(frozen=True)
class Entry(Spec):
    """An entry with parameters of every kind."""

    strength: Annotated[float, Between(0, 10), doc("how strong")] = 1.0
    mode: Annotated[str | None, OneOf({"fast": 1, "slow": 2}), doc("how")] = None
    table: Annotated[File | None, doc("where from")] = None
    on: Annotated[bool, doc("whether")] = False
    several: Annotated[tuple[Annotated[int, Between(0)], ...], doc("numbers")] = ()
    inner: Annotated[Annotated[int, Between(1)] | Inner, ByShape(), doc("a number or more")] = 1
    inners: Annotated[tuple[Inner, ...] | None, doc("many")] = None
    groups: Annotated[dict[str, tuple[str, ...]], doc("named")] = dataclasses.field(
        default_factory=dict
    )
    twice: Annotated[Any, doc("doubled"), Expand(lambda value: value * 2)] = 0


def read(cls=Entry, **value):
    problems: list[str] = []
    made = schema.read(cls, value, "", problems)
    assert (made is None) == bool(problems)
    return made if made is not None else problems


def test_what_is_left_out_is_at_its_default():
    assert read() == Entry()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"strength": np.float32(0.5)}, {"strength": 0.5}),
        ({"strength": 2}, {"strength": 2.0}),
        ({"several": np.arange(3)}, {"several": (0, 1, 2)}),
        ({"several": [np.int64(4)]}, {"several": (4,)}),
        ({"several": range(2)}, {"several": (0, 1)}),
        ({"mode": np.str_("fast")}, {"mode": "fast"}),
        ({"inner": {"from": np.int64(2)}}, {"inner": Inner(2)}),
        ({"inner": Inner(3)}, {"inner": Inner(3)}),
        ({"inners": [{"from": 1}, Inner(2)]}, {"inners": (Inner(1), Inner(2))}),
        ({"twice": [1]}, {"twice": (1, 1)}),
    ],
)
def test_values_of_numpy_and_instances_are_taken(given, meant):
    made = read(**given)
    assert made == Entry(**meant)
    assert all(type(getattr(made, key)) is type(value) for key, value in meant.items())


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"strength": True}, "strength: must be a number. Got True."),
        ({"strength": "1"}, "strength: must be a number. Got '1'."),
        ({"strength": 11}, "strength: must be between 0 and 10. Got 11.0."),
        ({"strength": float("nan")}, "strength: must be between 0 and 10. Got nan."),
        ({"mode": "fats"}, "mode: must be one of fast, slow. Got 'fats'. Did you mean 'fast'?"),
        ({"mode": 3}, "mode: must be text. Got 3. Put it in quotation marks: '3'."),
        ({"table": None, "on": 1}, "on: must be true or false. Got 1."),
        ({"several": 3}, "several: must be a list. Got 3."),
        ({"several": {3}}, "several: must be a list. Got {3}."),
        ({"several": [1, 1.5]}, "several[1]: must be a whole number. Got 1.5."),
        ({"several": [-1]}, "several[0]: must be at least 0. Got -1."),
        ({"inner": 0}, "inner: must be at least 1. Got 0."),
        ({"inner": "x"}, "inner: must be a whole number. Got 'x'."),
        ({"inner": {}}, "inner.from: is required (first)."),
        ({"inners": [3]}, "inners[0]: must be a mapping of keys. Got 3."),
        ({"inners": [{"from": 1, "end": 10}]}, "inners[0].end: must be at most 9. Got 10."),
        ({1: 2}, "1: unknown key. Allowed: strength, mode, table, on, several, inner, inners, "
         "groups, twice."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(given, problem):
    problems: list[str] = []
    assert schema.read(Entry, given, "", problems) is None
    assert problems == [problem]


def test_all_mistakes_are_said_unknown_keys_first_and_then_as_the_fields_stand():
    said = read(mod="fast", on=3, strength=-1, inner={"to": 3, "end": 11}, inners=[{"form": 1}])
    assert [line.split(": ")[0] for line in said] == [
        "mod", "strength", "on", "inner.to", "inner.from", "inner.end", "inners[0].form",
        "inners[0].from",
    ]  # fmt: skip


def test_a_class_that_refuses_its_values_is_named_by_its_place_line_by_line():
    assert read(inner={"from": 4, "end": 2}) == [
        "inner: needs from <= end.",
        "inner: And more.",
    ]
    problems: list[str] = []
    schema.read(Inner, {"from": 4, "end": 2}, "", problems)
    schema.read(Inner, {"from": 4, "end": 2}, "deep[1]", problems)
    schema.read(Inner, [], "", problems)
    assert [line.split(":")[0] for line in problems] == [
        "the file", "the file", "deep[1]", "deep[1]", "the file",
    ]  # fmt: skip


def test_an_instance_passes_through():
    made = Entry(strength=3.0)
    assert schema.read(Entry, made, "", []) is made


def test_what_pydantic_knows_beside_is_worded_in_our_way():
    @dataclass(frozen=True)
    class Idiomatic(Spec):
        share: Annotated[float, Field(gt=0), doc("of all")] = 1.0
        kind: Annotated[Literal["a", "b"], doc("which")] = "a"

    assert read(Idiomatic, share=0, kind="c") == [
        "share: must be greater than 0. Got 0.",
        "kind: must be 'a' or 'b'. Got 'c'.",
    ]


def test_what_is_no_spec_is_not_read_since_unknown_keys_would_pass():
    @dataclass
    class Loose:
        x: int = 1

    with pytest.raises(TypeError, match="Loose must be a Spec"):
        schema.read(Loose, {"y": 2}, "", [])


@pytest.mark.parametrize("root", [Study, Pretraining])
def test_every_class_of_a_study_and_of_a_family_is_a_spec_whose_fields_have_a_line(root):
    waiting, seen = [root], set()
    while waiting:
        cls = waiting.pop()
        if cls in seen:
            continue
        seen.add(cls)
        if issubclass(cls, ReadsItself | Metric):  # keys of its own; made in Python alone
            continue
        assert issubclass(cls, Spec)
        assert all(part.doc for part in schema.parameters(cls).values())
        waiting += [kind for hint in typing.get_type_hints(cls).values() for kind in classes(hint)]


def classes(hint: Any) -> list[type]:
    inner = [kind for part in typing.get_args(hint) for kind in classes(part)]
    return [hint, *inner] if dataclasses.is_dataclass(hint) else inner


def test_a_parameter_says_what_lists_and_docs_need():
    parts = schema.parameters(Entry)
    assert parts["strength"] == ("strength", "strength", "how strong", 1.0, None, 0, 10, False)
    assert parts["mode"].choices == ("fast", "slow")
    assert [key for key, part in parts.items() if part.is_file] == ["table"]
    assert schema.parameters(Inner)["from"].name == "start"
    assert schema.parameters(Inner)["from"].default is dataclasses.MISSING
    assert schema.key_of(Inner, "start") == "from"


def test_a_mapping_has_the_keys_of_the_file_and_reads_back():
    made = Entry(inner=Inner(1), several=(1, 2), groups={"a": ("x",)}, inners=(Inner(2, 3),))
    mapping = schema.to_mapping(made)
    assert mapping["inner"] == {"from": 1, "end": None}
    assert (mapping["several"], mapping["groups"]) == ([1, 2], {"a": ["x"]})
    assert read(**{**mapping, "twice": 0}) == made


def test_the_json_schema_accepts_what_is_read_and_nothing_else():
    jsonschema = pytest.importorskip("jsonschema")
    shape = schema.json_schema(Entry)
    validator = jsonschema.Draft202012Validator(shape)
    good = [{}, {"mode": None}, {"mode": "slow"}, {"inner": {"from": 1}}, {"inner": 4}]
    bad = [{"mode": "x"}, {"strength": 11}, {"inner": {}}, {"x": 1}, {"several": [-1]}]
    assert [len(list(validator.iter_errors(value))) for value in good] == [0] * len(good)
    assert all(list(validator.iter_errors(value)) for value in bad)
    assert shape["description"] == "An entry with parameters of every kind."
    assert shape["properties"]["strength"] == {
        "default": 1.0, "description": "how strong", "maximum": 10, "minimum": 0, "type": "number",
    }  # fmt: skip
    assert shape["$defs"]["Inner"]["description"] == "An inner thing."


def test_an_instance_made_in_python_can_be_checked_as_if_it_had_been_read():
    made = Entry(strength=np.float64(2), several=[1, 2], inner=Inner(1), twice=1)
    assert schema.check_fields(made) == []
    assert (made.strength, type(made.strength), made.several) == (2.0, float, (1, 2))
    wrong = Entry(strength=-1, mode="fats", several=[1.5], inner={"to": 1})
    assert schema.check_fields(wrong) == [
        "strength: must be between 0 and 10. Got -1.0.",
        "mode: must be one of fast, slow. Got 'fats'. Did you mean 'fast'?",
        "several[0]: must be a whole number. Got 1.5.",
        "inner.to: unknown key. Allowed: from, end.",
        "inner.from: is required (first).",
    ]


def test_an_enum_of_text_is_the_text_that_it_is():
    class Mode(enum.StrEnum):
        FAST = "fast"

    assert read(mode=Mode.FAST).mode == "fast"
