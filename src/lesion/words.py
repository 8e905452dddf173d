"""The vocabulary: every value that a study may use, with one line on what it means.

The tables are literal and hold no code, so that a study is checked, listed and described to an
editor before anything heavy is imported. The code behind a word lives in the package of its kind
under the same name, and a test holds that neither side knows a word the other does not.
"""

UNITS = {
    "weights": "single numbers of the selected tensors",
    "neurons": "output units: a row of the matrix together with its bias",
    "heads": "attention heads: rows of query, key and value, columns of the output",
    "dimensions": "dimensions of the residual stream, through every tensor that reads or writes it",
    "layers": "whole layers: the residual stream passes by what they would have added",
    "words": "rows of the embedding tables",
    "bits": "single bits of the stored numbers: which (bits), of what (format)",
}
DEFAULT_PARTS = {  # of the units for which it is not the six matrices
    "heads": ("query", "key", "value", "attention_output"),
    "dimensions": (
        "embeddings",
        "query",
        "key",
        "value",
        "attention_output",
        "mlp_in",
        "mlp_out",
        "norms",
    ),
    "layers": ("attention_output", "mlp_out"),
    "words": ("embeddings",),
}

ORDERS = {
    "random": "a keyed permutation: the same for every model of one shape",
    "magnitude": "smallest L1 norm first: classic pruning",
    "magnitude-descending": "largest L1 norm first: the worst case",
    "importance": "least important first: mean |gradient x weight| on training examples (Taylor)",
    "importance-descending": "most important first",
    "fisher": "least important first, by half the mean square of gradient x weight (Fisher)",
    "fisher-descending": "most important first by Fisher",
    "focal": "contiguous around a random centre: a stroke, where random is a diffuse disease",
    "listed": "the units of a file, in its order",
}

SCOPES = {
    "site": "the same fraction of every tensor",
    "layer": "one ordering in every layer",
    "model": "one ordering over everything selected, so that tensors are hit unevenly",
}

EFFECTS = {
    "zero": "destroyed units become exactly 0; bits are stuck at 0",
    "one": "destroyed units become exactly 1; bits are stuck at 1",
    "mean": "activations are held at their mean over training examples; weights at the tensor's",
    "noise": "Gaussian noise is added; strength in standard deviations of the tensor (1)",
    "shuffle": "units take each other's values",
    "flip": "one bit of the stored number changes: a given one (bit) or a random one; bits change",
    "quantise": "rounded to strength bits (2-8), symmetric, by output channel",
    "scale": "multiplied by strength",
}

DOSE_IS = {
    "fraction": "the dose is the fraction of units destroyed",
    "strength": "every selected unit is hit, and the dose is how hard (noise, quantise, scale)",
}

BIT_EFFECTS = ("flip", "zero", "one")  # of the effects, those that a single bit can have

CONTROLS = {"matched": "run beside it: as many units of every tensor, but at random"}
RECOVERY = {"steps": "run beside it: trained again so long, destroyed units held, then scored"}

FORMATS = {"float32": 32, "bfloat16": 16, "float16": 16, "int8": 8}
MANTISSAS = {"float32": 23, "bfloat16": 7, "float16": 10}  # the lowest bits; int8 has none
BITS = {
    "sign": "the highest bit",
    "exponent": "the bits below it: the size of the number (not of int8)",
    "mantissa": "the lowest bits: its digits (not of int8)",
}
STRENGTHS = {"noise": (0.0, 1e6), "quantise": (2.0, 8.0), "scale": (-1e6, 1e6)}


BESIDE = {
    "d50": "the dose at which half of skill is gone",
    "initial_slope": "skill lost for each unit of dose in the first quarter of the doses",
    "steepness": "skill lost for each unit of dose between three quarters and one quarter",
}
