"""The page on the house tells of every file of the package."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "lesion"
PAGE = "docs/architecture.md"


class Entry(NamedTuple):
    """One line of the tree; `path` is relative to src/lesion, and a glob may stand for files."""

    path: str
    folder: bool
    text: str


def read_tree(block: str) -> list[Entry]:
    """The entries below src/lesion/, nested by indentation or by drawn lines (├──, └──).

    The rest of a line after the name describes it. The tree of the package ends with the first
    line that is not indented, so that tests/ and docs/ may follow in the same block.
    """
    lines = re.sub("[│├└─]", " ", block).splitlines()
    entries: list[Entry] = []
    above: list[tuple[int, str]] = []
    for line in filter(str.strip, lines[1:]):
        indent = len(line) - len(line.lstrip())
        if indent == 0:
            break
        above = [(depth, name) for depth, name in above if depth < indent]
        name, _, text = line.strip().partition(" ")
        path = "".join(part for _, part in above) + name
        entries.append(Entry(path, name.endswith("/"), text.strip(" ·:—-")))
        if name.endswith("/"):
            above.append((indent, name))
    return entries


def tree() -> list[Entry]:
    """The entries of the page's tree, in its order."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n(src/lesion/\n.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"{PAGE} needs one fenced block that starts with src/lesion/"
    return read_tree(blocks[0])


def described(path: str, entries: list[Entry]) -> bool:
    """Whether the tree tells of a file: on its own line, or on its folder's.

    A Python file needs a line of its own, except `__init__.py`, which its folder stands for.
    Data files may be told of by a glob or by any folder above them.
    """
    if any(not entry.folder and fnmatch(path, entry.path) for entry in entries):
        return True
    own = path.rpartition("/")[0] + "/"
    folders = [entry.path for entry in entries if entry.folder and entry.text] + ["/"]
    if path.endswith("__init__.py"):
        return own in folders
    return not path.endswith(".py") and any(path.startswith(folder) for folder in folders)


def package_files() -> list[str]:
    """Every file under src/lesion, relative to it."""
    found = (path for path in PACKAGE.rglob("*") if path.is_file())
    kept = (path for path in found if "__pycache__" not in path.parts)
    return sorted(path.relative_to(PACKAGE).as_posix() for path in kept)


def test_the_tree_tells_of_every_file_of_the_package():
    entries = tree()
    missing = [path for path in package_files() if not described(path, entries)]
    assert not missing, f"{PAGE} has no line for {missing}"


def test_everything_in_the_tree_exists():
    gone = [entry.path for entry in tree() if not any(PACKAGE.glob(entry.path.rstrip("/")))]
    assert not gone, f"{PAGE} names {gone}, which do not exist"


def test_every_file_in_the_tree_has_a_description():
    bare = [entry.path for entry in tree() if not entry.folder and not entry.text]
    assert not bare, f"{PAGE} does not say what {bare} are for"


INDENTED = """\
src/lesion/
  keys.py      randomness
  damage/      wounds
    orders.py  which first
tests/         the same tree
"""
DRAWN = """\
src/lesion/
├── keys.py      randomness
└── damage/      wounds
    └── orders.py  which first
"""


@pytest.mark.parametrize("block", [INDENTED, DRAWN])
def test_a_tree_is_read_alike_by_indentation_and_by_drawn_lines(block):
    assert read_tree(block) == [
        Entry("keys.py", False, "randomness"),
        Entry("damage/", True, "wounds"),
        Entry("damage/orders.py", False, "which first"),
    ]
