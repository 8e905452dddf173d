"""In which numbers models are loaded, and in which they compute. Needs no torch."""

LOAD_DTYPES = {
    "float32": "weights are cast to 32 bits",
    "stored": "weights stay as the checkpoint stores them",
}

PRECISIONS = {
    "float32": "every product and sum in 32 bits",
    "tf32": "products of matrices with 10 bits of mantissa; CUDA devices only",
    "bf16": "products of matrices in bfloat16, sums in float32",
}
