"""What a run may use of this machine: memory and cores, inside a container too.

The operating system's own figures come from psutil. A container (a control group of Linux) may
have less: the smallest limit of its group and of all groups around it counts. Libraries that
count cores this way (joblib, loky) do not read memory limits, and read only the outermost group.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

ROOT = Path("/")


def available_memory() -> int:
    """Bytes that processes can still take without swapping."""
    return max(0, min([int(psutil.virtual_memory().available), *_free_in_groups()]))


def cores() -> int:
    """How many cores this process may use: those it is bound to, within its container's quota."""
    process = psutil.Process()
    bound = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else os.cpu_count()
    return max(1, int(min([bound or 1, *_quotas()])))


def _free_in_groups() -> Iterator[int]:
    """Bytes that each group leaves: its limit less what it holds; cached files can be dropped."""
    for folder in _groups("memory"):
        for limit, usage, dropped in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            with contextlib.suppress(OSError, ValueError):  # "max" is no number
                room = int(_text(folder / limit)) - int(_text(folder / usage))
                yield room + _stat(folder / "memory.stat", dropped)


def _quotas() -> Iterator[float]:
    """Cores' worth of time that each group gives."""
    for folder in _groups("cpu"):
        with contextlib.suppress(OSError, ValueError):
            quota, period = _text(folder / "cpu.max").split()
            yield int(quota) / int(period)
        with contextlib.suppress(OSError, ValueError):
            quota = _text(folder / "cpu.cfs_quota_us")
            if int(quota) > 0:  # -1: none
                yield int(quota) / int(_text(folder / "cpu.cfs_period_us"))


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's groups, and those above them, of both versions of Linux's.

    A container may see its own group as the outermost while /proc names it by its path outside;
    readers skip what does not exist.
    """
    mounted = ROOT / "sys/fs/cgroup"
    with contextlib.suppress(OSError):
        for line in _text(ROOT / "proc/self/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            own = Path(path.lstrip("/"))
            for base in [mounted / controller] if controllers else [mounted, mounted / "unified"]:
                yield from (base / part for part in (own, *own.parents))


def _stat(path: Path, key: str) -> int:
    """A line `key 123` of a file; 0 where there is none."""
    with contextlib.suppress(OSError, ValueError):
        return int(dict(line.split() for line in _text(path).splitlines())[key])
    return 0


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


USES_FORKSERVER = sys.platform == "linux"  # elsewhere, system libraries may not outlive a fork
