"""Do 95% intervals hold the truth 95 times in a hundred, and how wide are they?

    python benchmarks/calibration.py [--studies 1000] [--only single group ...] [--save new.jsonl]
    python benchmarks/calibration.py --table old.jsonl new.jsonl

Simulated studies, known answers; everything measured goes through the functions that analyse a run.
Each line has the coverage with its Monte Carlo standard error, the mean width, relative to that of
an oracle, and how often an interval excludes 0. The oracle knows the standard deviation of the
estimates, which is that over the studies: its interval is 2 x 1.96 of it wide. The same numbers of
studies are the same studies, whatever version of the package analyses them (PYTHONPATH), so that
two versions can be put side by side. What docs/statistics.md says was measured by this script.
"""

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from experiments import SINGLE, Experiment, Interval
from populations import all_experiments

from lesion.analysis.contrast import ALPHA

ORACLE = 2 * 1.959964
Row = dict[str, Any]


def measured(kind: str, experiment: Experiment, numbers: Iterable[int]) -> list[Row]:
    """One row for each name of an experiment."""
    outcomes = [experiment.study(number) for number in numbers]
    kept = [outcome for outcome in outcomes if outcome is not None]
    rows = []
    for name, values in zip(experiment.names, zip(*kept, strict=True), strict=False):
        row = {"kind": kind, "about": experiment.about, "what": name, "studies": len(kept)}
        rows.append(row | {"left_out": len(outcomes) - len(kept)} | summary(values))
    return rows


def summary(values: Sequence[Interval | float]) -> dict[str, float]:
    """Rate and error; of intervals also their width, the oracle's, and how many exclude 0."""
    if not isinstance(values[0], Interval):
        each = np.array(values, np.float64)
        return {"rate": float(each.mean()), "error": _error(each)}
    value, lo, hi, truth, p = np.array(values, np.float64).T
    hits = (lo <= truth) & (truth <= hi)
    numbers = {
        "rate": float(hits.mean()),
        "error": _error(hits),
        "width": float((hi - lo).mean()),
        "oracle": ORACLE * float((value - truth).std(ddof=1)),
        "bias": float((value - truth).mean() / (value - truth).std(ddof=1)),
    }
    return numbers | ({} if np.isnan(p).all() else {"claims": float((p <= ALPHA).mean())})


def _error(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def line(row: Row) -> str:
    """A row of the table of one version."""
    percent = f"{100 * row['rate']:.1f} ± {100 * row['error']:.1f}"
    width = f"{row['width'] / row['oracle']:.2f}" if row.get("oracle") else ""
    claims = f"{100 * row['claims']:.1f}" if "claims" in row else ""
    start = f"{row['kind']}: {row['about']} | {row['what']} | {row['studies']}"
    return f"| {start} | {percent} | {width} | {claims} |"


def table(files: Sequence[Path]) -> list[str]:
    """Markdown of saved rows, those of several files side by side.

    First what is known of differences and their sides, one row for a study: coverage in percent,
    and in brackets the width relative to the oracle's. Then everything else, a row for a number.
    Rows of a file for one experiment are batches of studies (`--first`), and are pooled.
    """
    studies: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for place, file in enumerate(files):
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            study = studies.setdefault((row["kind"], row["about"]), {})
            versions = study.setdefault(row["what"], [{} for _ in files])
            versions[place] = pooled(versions[place], row)
    wide = ["| study | " + " | ".join((*SINGLE, "power")) + " |", "|" + (len(SINGLE) + 2) * "---|"]
    long = ["| study | what | % | width | excludes 0, % |", "|" + 5 * "---|"]
    for (_, about), study in studies.items():
        if set(study) <= set(SINGLE):
            power = _beside(study[SINGLE[3]], "claims", 100)
            cells = (_coverage(study[what]) if what in study else "" for what in SINGLE)
            wide.append(f"| {about} | {' | '.join(cells)} | {power} |")
            continue
        for place, (what, rows) in enumerate(study.items()):
            keys = {"rate": 100, "wide": 1, "claims": 100}
            numbers = [_beside(rows, key, times) for key, times in keys.items()]
            long.append(f"| {'' if place else about} | {what} | {' | '.join(numbers)} |")
    return [*wide, "", *long]


def pooled(first: Row, second: Row) -> Row:
    """Two batches of studies of one experiment as one; `first` may be empty."""
    if not first:
        return second
    n = np.array([first["studies"], second["studies"]])
    share, row = n / n.sum(), dict(second)
    for key in ("rate", "width", "bias", "claims"):
        if key in row:
            row[key] = float(share @ [first[key], second[key]])
    for key, weights in (("oracle", share), ("error", share**2)):
        if key in row:
            row[key] = float(np.sqrt(weights @ np.square([first[key], second[key]])))
    return row | {key: first[key] + second[key] for key in ("studies", "left_out")}


def _coverage(rows: Sequence[Row]) -> str:
    return f"{_beside(rows, 'rate', 100)} ({_beside(rows, 'wide', 1)})"


def _beside(rows: Sequence[Row], key: str, times: float) -> str:
    """The same number of several versions."""
    rows = [row | {"wide": row["width"] / row["oracle"]} if "width" in row else row for row in rows]
    if not any(key in row for row in rows):
        return ""
    digits = 1 if times == 100 else 2
    return " → ".join(f"{times * row[key]:.{digits}f}" if key in row else "–" for row in rows)


def main(arguments: list[str] | None = None) -> None:
    """Run what was asked for, or print what was saved."""
    experiments = all_experiments()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first study")
    parser.add_argument("--only", nargs="+", default=list(experiments), choices=list(experiments))
    parser.add_argument("--save", type=Path, help="file to add rows to, for --table")
    parser.add_argument("--table", type=Path, nargs="+", help="saved rows to print as Markdown")
    asked = parser.parse_args(arguments)
    if asked.table:
        print("\n".join(table(asked.table)))
        return
    experiments = all_experiments()
    print(
        "| study | what | studies | % | width / oracle | excludes 0, % |\n|---|---|---|---|---|---|"
    )
    for kind in asked.only:
        for experiment in experiments[kind]:
            start = time.process_time()
            count = round(asked.studies * experiment.share)
            rows = measured(kind, experiment, range(asked.first, asked.first + count))
            print("\n".join(line(row) for row in rows))
            print(f"<!-- {time.process_time() - start:.0f} s CPU -->", flush=True)
            if asked.save:
                with asked.save.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
