"""Records of older versions, records where nothing may be written, and the bytes of counts."""

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lesion
from lesion.errors import LesionError
from lesion.record import layout
from lesion.record.record import Record
from lesion.results import Run
from lesion.study.trials import INTACT

OLD = Path(__file__).parents[1] / "data" / "record-1"  # made by Lesion as it was before version 2
POINTS = ["model", "task", "lesion", "dose", "accuracy", "skill", "draws", "trials"]


@pytest.fixture
def old(tmp_path):
    """A run of version 1: a twin on 20 pairs, two lesions, two doses, two draws of the first."""
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def schema(folder: Path) -> tuple[str, list[str]]:
    """Version and columns of the trials, as SQLite has them."""
    with closing(sqlite3.connect(folder / "record.sqlite")) as base:
        (version,) = base.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        columns = [row[1] for row in base.execute("PRAGMA table_info(trials)")]
    return version, columns


@pytest.mark.parametrize(
    ("counts", "width"),
    [([0], 1), ([0, 255], 1), ([256, 1], 2), ([2**16], 4), ([2**32 - 1], 4), ([2**32, 5], 8)],
)
def test_counts_take_the_fewest_bytes_that_hold_the_largest(counts, width):
    found = layout.packed(counts)
    assert found == b"".join(count.to_bytes(width, "little") for count in counts)
    assert layout.unpacked(found, len(counts)).tolist() == counts


def test_an_old_record_shows_the_curves_that_it_showed(old):
    before, now = pd.read_csv(old / "curves.csv"), Run(old).curves()
    pd.testing.assert_frame_equal(now[POINTS], before[POINTS], check_dtype=False)
    assert schema(old)[0] == "1", "reading changes nothing"


def test_every_table_of_an_old_record_can_be_had_and_its_trials_have_no_places(old):
    run = Run(old)
    assert len(run.table("trials")) == 7
    assert len(run.table("examples")) == 7 * 20
    assert run.table("sites").empty and run.record.rows("places")[1] == []
    assert not [path for path in run.write_report() if "sites" in path.name]


def test_an_old_record_is_resumed_with_the_damage_of_before_and_new_trials_have_places(old):
    before = Run(old).table("trials")
    with closing(sqlite3.connect(old / "record.sqlite")) as base, base:
        base.execute("DELETE FROM trials WHERE lesion = 'weights at random' AND draw = 1")
    run = lesion.run(Run(old).study, old)
    assert schema(old)[0] == "2"
    after = run.table("trials")
    later = ["versions", "damage_done"]
    pd.testing.assert_frame_equal(after.drop(columns=later), before.drop(columns=later))
    renewed = (after["lesion"] == "weights at random") & (after["draw"] == 1)
    assert (after["damage_done"].notna() == renewed | (after["dose"] == 0)).all()
    assert (after["versions"] != "").sum() == 2, "of the others, no versions are known"
    assert (before["versions"] == "").all()
    sites = run.table("sites")
    assert set(sites["draw"]) == {1} and set(sites["lesion"]) == {"weights at random"}
    sums = sites.groupby("dose")[["destroyed", "units"]].sum()
    again = before[(before["draw"] == 1)].set_index("dose")[["destroyed", "units"]]
    pd.testing.assert_frame_equal(sums, again)


def test_an_old_record_brought_up_has_the_columns_of_a_new_one(old, tmp_path):
    study = Record(old).study
    Record.open(old, study).close()
    Record.open(tmp_path / "new", study).close()
    assert schema(old) == schema(tmp_path / "new")
    Record.open(old, study).close()  # and is opened again as it is


def test_bringing_a_record_up_is_done_whole_or_not_at_all(old):
    with closing(sqlite3.connect(old / "record.sqlite")) as base:
        seen = Counter()

        def allow(action, *about):
            seen[action] += 1
            last = action == sqlite3.SQLITE_UPDATE and about[0] == "meta"
            return sqlite3.SQLITE_DENY if last else sqlite3.SQLITE_OK

        base.set_authorizer(allow)
        with pytest.raises(sqlite3.DatabaseError):
            layout.upgrade(base)
    assert seen[sqlite3.SQLITE_ALTER_TABLE] == 1
    version, columns = schema(old)
    assert version == "1" and "by_site" not in columns
    assert len(Record(old).done()) == 7


def test_two_that_bring_a_record_up_at_once_do_it_once(old):
    study = Record(old).study
    first, second = Record(old), Record.open(old, study)
    layout.upgrade(first._base)
    assert len(first.done()) == len(second.done()) == 7


@pytest.fixture
def sealed(old):
    """SQLite can make no journal beside the record, as in a folder that is read-only."""
    (old / "record.sqlite-shm").symlink_to("/nowhere/at/all")  # as root may write everywhere
    return old


def test_a_record_in_a_read_only_folder_is_read(sealed):
    assert Counter(trial.lesion for trial in Record(sealed).done()) == {
        "weights at random": 4, "weights by magnitude": 2, INTACT: 1,
    }  # fmt: skip
    assert np.isfinite(Run(sealed).curves()["skill"]).all()


def test_a_record_in_a_read_only_folder_is_not_run(sealed):
    with pytest.raises(LesionError) as caught:
        Record.open(sealed, Record(sealed).study)
    assert str(caught.value) == (
        f"{sealed}: is read-only. Copy it to where you may write, or give another folder with "
        "--out."
    )


def test_a_read_only_record_that_a_killed_run_left_is_refused_rather_than_read_in_part(sealed):
    (sealed / "record.sqlite-wal").write_bytes(b"trials")
    with pytest.raises(LesionError) as caught:
        Record(sealed)
    assert str(caught.value) == (
        f"{sealed / 'record.sqlite'}: its folder is read-only, and record.sqlite-wal still holds "
        "trials of a run that was killed. Copy the folder to where you may write, and read it "
        "there."
    )


def test_the_seconds_of_a_trial_are_those_of_all_its_parts(old):
    before = Run(old).record.seconds()
    trial = sorted(before)[0]
    with closing(sqlite3.connect(old / "record.sqlite")) as base, base:
        base.execute("INSERT INTO timings VALUES (?,?,?,?,?,?,datetime('now'),?)", (*trial, 2.0))
    after = Run(old).record.seconds()
    assert after[trial] == pytest.approx(before[trial] + 2)
    assert after | {trial: before[trial]} == before
