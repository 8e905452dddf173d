"""The tables of docs/lesions.md are made of the entries.

`python -m tests.damage.test_docs` writes them anew.
"""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import lesion
from lesion.damage.effects import EFFECTS
from lesion.damage.orders import ORDERS
from lesion.damage.scopes import SCOPES
from lesion.damage.units import UNITS
from lesion.schema.entries import docs_table

PAGE = Path(__file__).parents[2] / "docs" / "lesions.md"
TABLES = {"units": UNITS, "orders": ORDERS, "scopes": SCOPES, "effects": EFFECTS}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_the_page_is_that_of_the_entries(name):
    pattern = rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->"
    (found,) = re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found == docs_table(TABLES[name]), "run: python -m tests.damage.test_docs"


@pytest.mark.parametrize("name", TABLES)
def test_every_entry_has_a_line_and_every_setting_a_description(name):
    for entry in TABLES[name].values():
        assert 10 < len(entry.doc()) < 100
        assert all(part.doc for part in entry.parameters().values())


def test_the_example_of_own_orders_and_effects_runs(tiny_bert):
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## Units, orders and effects of your own") :]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (code,) = (block for block in blocks if "from_keys" in block)
    model = lesion.load_model(str(tiny_bert))
    shape = model.bert.encoder.layer[0].output.dense.weight.shape
    made: list[lesion.Lesion] = []
    generator = torch.Generator().manual_seed(0)
    numbers = torch.rand(shape, generator=generator)
    recorder = SimpleNamespace(Lesion=lambda *a, **k: made.append(lesion.Lesion(*a, **k)))
    exec(code, {"lesion": recorder, "scores": numbers, "mask": numbers < 0.5, "__name__": "docs"})
    assert len(made) == 4
    for own in made:
        with own.applied(model, 0.25) as receipt:
            assert receipt.destroyed == receipt.asked > 0


def write() -> None:
    """Put the tables of the entries between their marks."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        pattern = rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)"
        text = re.sub(pattern, lambda m, t=table: m[1] + docs_table(t) + m[2], text, flags=re.S)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
