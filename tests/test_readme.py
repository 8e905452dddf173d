"""The commands and targets that README names exist."""

import re
import shlex
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fences(languages: tuple[str, ...]) -> list[str]:
    """The README's fenced blocks in these languages; "" is a block without one."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return [body for language, body in FENCE.findall(readme) if language in languages]


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
