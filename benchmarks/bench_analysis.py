"""How long the whole analysis of a large record takes, and in how much memory.

Six models, 101 doses, 15 draws, 408 examples, every metric, 2,000 bootstrap replicates, fifteen
comparisons. The bounds are 10 s and 2 GB on two cores.
"""

import resource
import time

import numpy as np
from simulator import responses, simulate
from worlds import World

from lesion.analysis.compare import verdicts
from lesion.analysis.dissociation import dissociations
from lesion.analysis.scores import available
from lesion.analysis.summary import analyse, curve_rows, summary_row

MODELS, DRAWS, REPLICATES = 6, 15, 2000
WORLD = World(examples=408, majority=0.684, intact=0.88, draws=DRAWS)


def main() -> None:
    """Analyse once, and print time and memory."""
    study = simulate(WORLD, np.random.default_rng(0), np.linspace(0.4, 0.6, MODELS), DRAWS)
    found = [
        one._replace(metrics=available("classify"))
        for one in responses(study, np.linspace(0, 1, 101))
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    analyses = analyse(found, 0, REPLICATES)
    middle = time.process_time()
    compared = verdicts(analyses, "model")
    dissociations(analyses)
    _ = [curve_rows(one) for one in analyses], [summary_row(one) for one in analyses]
    wall, end = time.perf_counter() - wall, time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{MODELS} models x 101 doses x {DRAWS} draws x 408 examples, {REPLICATES} replicates:")
    print(f"{wall:.1f} s; CPU {middle - cpu:.1f} s for curves, {end - middle:.1f} s for "
          f"{len(compared)} comparisons")  # fmt: skip
    print(f"peak memory {peak / 2**20:.2f} GB, {before / 2**20:.2f} GB of it before the analysis")


main()
