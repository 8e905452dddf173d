"""The vocabulary: every value that a study may use, with one line on what it means.

The tables are literal and hold no code, so that a study is checked, listed and described to an
editor before anything heavy is imported. The code behind a word lives in the package of its kind
under the same name, and a test holds that neither side knows a word the other does not.
"""

PARTS = {
    "embeddings": "word, position, type and language embeddings",
    "query": "projection of each token to its query",
    "key": "projection of each token to its key",
    "value": "projection of each token to its value",
    "attention_output": "projection of the concatenated heads back to the residual stream",
    "mlp_in": "first matrix of the feed-forward block",
    "mlp_out": "second matrix of the feed-forward block",
    "norms": "scale and shift of the normalisation layers",
    "pooler": "projection of the first token before a head",
    "classifier": "the head of a fine-tuned classifier",
    "mlm_head": "the head that predicts masked words, without the matrix it shares with embeddings",
}
SIX_MATRICES = ("query", "key", "value", "attention_output", "mlp_in", "mlp_out")

TENSORS = {
    "weight": "matrices, and the scales of norms",
    "bias": "bias vectors, and the shifts of norms",
}

UNITS = {
    "weights": "single numbers of the selected tensors",
    "neurons": "output units: a row of the matrix together with its bias",
}

ORDERS = {
    "random": "a keyed permutation: the same for every model of one shape",
    "magnitude": "smallest L1 norm first: classic pruning",
}

SCOPES = {
    "site": "the same fraction of every tensor",
    "model": "one ordering over everything selected, so that tensors are hit unevenly",
}

EFFECTS = {
    "zero": "destroyed units become exactly 0",
}

LAYERS = ("all", "first", "middle", "last")

KINDS = {
    "classify": "labelled texts or pairs of texts, for a model with a classification head",
    "pairs": "minimal pairs: is the good sentence likelier than the bad one?",
    "cloze": "hidden words of a text, to be guessed",
}

SCORINGS = {
    "pll": "pseudo-log-likelihood of every token of both sentences",
    "word": "only the words in which the sentences differ",
}
