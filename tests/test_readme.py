"""README says what is there: the file tree names every file, and its commands exist."""

import re
import shlex
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "lesion"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Entry(NamedTuple):
    """One line of the tree; `path` is relative to src/lesion, and a glob may stand for files."""

    path: str
    folder: bool
    text: str


def fences(languages: tuple[str, ...]) -> list[str]:
    """The README's fenced blocks in these languages; "" is a block without one."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return [body for language, body in FENCE.findall(readme) if language in languages]


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
    """The entries of the README's own tree."""
    blocks = [block for block in fences(("", "text")) if block.startswith("src/lesion/")]
    assert len(blocks) == 1, "README.md needs one fenced block that starts with src/lesion/"
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
    assert not missing, f"README.md's tree has no line for {missing}"


def test_everything_in_the_tree_exists():
    gone = [entry.path for entry in tree() if not any(PACKAGE.glob(entry.path.rstrip("/")))]
    assert not gone, f"README.md's tree names {gone}, which do not exist"


def test_every_file_in_the_tree_has_a_description():
    bare = [entry.path for entry in tree() if not entry.folder and not entry.text]
    assert not bare, f"README.md's tree does not say what {bare} are for"


def test_every_command_in_the_readme_exists():
    lines = [line for block in fences(("console", "bash", "sh")) for line in commands(block)]
    assert lines, "README.md shows no lesion command"
    wrong = {line: problem for line in lines if (problem := misuse(line, command_line()))}
    assert not wrong


def test_every_make_target_in_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    blocks = fences(("console", "bash", "sh"))
    named = set(re.findall(r"^(?:\$ )?make ([a-z-]+)", "\n".join(blocks), re.MULTILINE))
    assert named <= targets


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


def commands(block: str) -> list[str]:
    """The lesion commands of a block, with lines that end in a backslash joined to the next."""
    lines = block.replace("\\\n", " ").splitlines()
    found = (re.match(r"(?:\$ )?(lesion\b.*)", line) for line in lines)
    return [match[1] for match in found if match]


def command_line() -> Any:
    """The command group behind `lesion`."""
    import typer

    from lesion import cli

    apps = [value for value in vars(cli).values() if isinstance(value, typer.Typer)]
    return typer.main.get_command(apps[0])


def misuse(line: str, command: Any) -> str | None:
    """What is wrong with a command line: a command or an option that does not exist."""
    words = [word.partition("=")[0] for word in shlex.split(line, comments=True)[1:]]
    while getattr(command, "commands", None) and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command = command.commands[words.pop(0)]
    options = {name for p in command.params for name in [*p.opts, *p.secondary_opts]} | {"--help"}
    unknown = [word for word in words if word.startswith("-") and word not in options]
    return f"no option {', '.join(unknown)}" if unknown else None
