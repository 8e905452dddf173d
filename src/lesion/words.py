"""The vocabulary: every value that a study may use, with one line on what it means.

Units, orders, scopes and effects are entries (`lesion.schema.entries`) in `lesion.damage`; here
are the words that have no entries.
"""

CONTROLS = {"matched": "run beside it: as many units of every tensor, but at random"}
RECOVERY = {"steps": "run beside it: trained again so long, destroyed units held, then scored"}

PRECISIONS = {
    "float32": "every product and sum in 32 bits",
    "tf32": "products of matrices with 10 bits of mantissa; CUDA devices only",
    "bf16": "products of matrices in bfloat16, sums in float32",
}

LOAD_DTYPES = {
    "float32": "weights are cast to 32 bits",
    "stored": "weights stay as the checkpoint stores them",
}

BESIDE = {
    "d50": "the dose at which half of skill is gone",
    "initial_slope": "skill lost for each unit of dose in the first quarter of the doses",
    "steepness": "skill lost for each unit of dose between three quarters and one quarter",
}

ENGINES = {
    "local": "processes of this machine, one thread each",
    "ray": "workers on a Ray cluster",
}
