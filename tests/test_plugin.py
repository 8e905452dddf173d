"""The package of examples/plugin, installed in a folder of its own and used from the shell."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLUGIN = ROOT / "examples" / "plugin"
WORDS = {"clamp": "lesions", "spread": "lesions", "last-word": "tasks", "pebble": "models"}


def python(*arguments: object, site: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with the installed packages of a folder beside this checkout."""
    paths = os.pathsep.join([str(ROOT / "src"), str(site)])
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "200"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder into which the package is installed; pip builds a copy of it."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PLUGIN, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
           "--disable-pip-version-check", "--target", folder / "site")  # fmt: skip
    done = subprocess.run(
        [sys.executable, *map(str, pip), str(folder / "source")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def lab(site, tmp_path_factory) -> Path:
    """A folder with the study of the package, its lines and its model."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("study.yaml", "lines.txt"):
        shutil.copy(PLUGIN / name, folder / name)
    made = python("-m", "lesion_example.modeling", "pebble", site=site, cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder


def lesion(*arguments: object, site: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", "lesion", *arguments, site=site, cwd=cwd)


@pytest.fixture(scope="module")
def ran(site, lab) -> Path:
    """The run of the study."""
    done = lesion("run", "study.yaml", "--out", "run", "--workers", 1, site=site, cwd=lab)
    assert done.returncode == 0, done.stderr
    return lab / "run"


@pytest.mark.parametrize("kind", ["lesions", "tasks", "models"])
def test_lists_name_the_words_of_the_package_with_its_version(kind, site, tmp_path):
    listed = lesion("list", kind, site=site, cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    for word in (word for word, where in WORDS.items() if where == kind):
        (line,) = [line for line in listed.stdout.splitlines() if line.split()[:1] == [word]]
        assert "lesion-example 0.1.0" in line


def test_lists_load_nothing_of_the_package(site, tmp_path):
    code = (
        "import sys\n"
        "from lesion.study.catalogue import catalogue\n"
        "for kind in ('lesions', 'tasks', 'models'): catalogue(kind)\n"
        "print([name for name in sys.modules if name.startswith(('lesion_example', 'torch'))])"
    )
    done = python("-c", code, site=site, cwd=tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("module", ["effects", "orders", "last_word", "pebble"])
def test_modules_with_entries_load_no_torch(module, site, tmp_path):
    code = f"import sys, lesion_example.{module}; print('torch' in sys.modules)"
    done = python("-c", code, site=site, cwd=tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("False", "")


def test_the_study_is_checked_before_it_is_run(site, lab):
    done = lesion("check", "study.yaml", site=site, cwd=lab)
    assert done.returncode == 0, done.stderr
    assert "pebble" in done.stdout and "endings" in done.stdout


def test_the_study_runs_and_is_resumed(ran, site, lab):
    with sqlite3.connect(ran / "record.sqlite") as base:
        before = base.execute("SELECT count(*) FROM trials").fetchone()
    assert before[0] > 5
    again = lesion("run", "study.yaml", "--out", "run", "--workers", 1, site=site, cwd=lab)
    assert again.returncode == 0, again.stderr
    with sqlite3.connect(ran / "record.sqlite") as base:
        assert base.execute("SELECT count(*) FROM trials").fetchone() == before


def test_the_record_holds_the_package_and_its_version(ran):
    with sqlite3.connect(ran / "record.sqlite") as base:
        (text,) = base.execute("SELECT value FROM meta WHERE key = 'versions'").fetchone()
    assert json.loads(text)["lesion-example"] == "0.1.0"


def test_a_parameter_of_a_word_is_checked_as_those_of_lesion(site, lab):
    text = (lab / "study.yaml").read_text(encoding="utf-8")
    (lab / "wrong.yaml").write_text(text.replace("limit: 0.5", "limit: -1"), encoding="utf-8")
    done = lesion("check", "wrong.yaml", site=site, cwd=lab)
    assert done.returncode == 2
    assert "limit: must be between 0 and 100. Got -1.0." in done.stderr
    assert "Traceback" not in done.stderr


def test_the_tests_of_the_package_pass(site, tmp_path):
    shutil.copytree(PLUGIN / "tests", tmp_path / "tests")
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", site=site, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "4 passed" in done.stdout


def test_without_the_package_its_record_names_it_and_its_study_is_refused(ran, lab, tmp_path):
    shown = lesion("show", "run", site=tmp_path, cwd=lab)
    assert (shown.returncode, shown.stderr) == (
        2,
        "lesion: run/record.sqlite: was made with lesion-example 0.1.0, and uses words of it that "
        "are not known here. Install it to open the record.\n",
    )
    refused = lesion("check", "study.yaml", site=tmp_path, cwd=lab)
    assert refused.returncode == 2
    assert "'clamp'" in refused.stderr and "Traceback" not in refused.stderr


def offer(site: Path, package: str, module: str, source: str, groups: dict[str, str]) -> None:
    """What pip leaves of a package that offers entries."""
    (site / f"{module}.py").write_text(source, encoding="utf-8")
    info = site / f"{package}-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.0\n")
    lines = [f"[{group}]\n{line}\n" for group, line in groups.items()]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def study(lab, tmp_path) -> Path:
    """The study, in a folder that the test may change."""
    folder = tmp_path / "study"
    folder.mkdir()
    text = (lab / "study.yaml").read_text(encoding="utf-8")
    text = text.replace("source: ./pebble", f"source: {lab / 'pebble'}")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    shutil.copy(lab / "lines.txt", folder / "lines.txt")
    return folder


def test_a_package_that_cannot_be_loaded_is_named_and_lists_still_work(study, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    offer(broken, "broken-example", "broken_example", "raise RuntimeError('no licence')",
          {"lesion.effects": "clamp = broken_example:Clamp"})  # fmt: skip
    listed = lesion("list", "lesions", site=broken, cwd=study)
    assert listed.returncode == 0, listed.stderr
    assert "broken-example 2.0" in listed.stdout
    done = lesion("check", "study.yaml", site=broken, cwd=study)
    assert done.returncode == 2
    assert (
        "effect: 'clamp' comes from broken-example 2.0, which cannot be loaded: no licence. "
        "Repair or uninstall the package."
    ) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_word_of_two_packages_is_refused_with_both(site, study, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(site, both)
    offer(both, "second-example", "second_example", "Clamp = None",
          {"lesion.effects": "clamp = second_example:Clamp"})  # fmt: skip
    done = lesion("check", "study.yaml", site=both, cwd=study)
    assert done.returncode == 2
    assert (
        "effect: 'clamp' is offered by lesion-example 0.1.0 and by second-example 2.0. "
        "Uninstall one of them."
    ) in done.stderr
