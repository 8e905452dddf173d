"""The vocabulary: every value that a study may use, with one line on what it means.

Units, orders, scopes and effects are entries (`lesion.schema.entries`) in `lesion.damage`; here
are the words that have no entries.
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

CONTROLS = {"matched": "run beside it: as many units of every tensor, but at random"}
RECOVERY = {"steps": "run beside it: trained again so long, destroyed units held, then scored"}

LAYERS = ("all", "first", "middle", "last")

KINDS = {
    "classify": "labelled texts or pairs of texts, for a model with a classification head",
    "pairs": "minimal pairs: is the good sentence likelier than the bad one?",
    "cloze": "hidden words of a text, to be guessed",
    "lm": "running text: how surprised a causal language model is by every next word",
}

SCORINGS = {
    "pll": "pseudo-log-likelihood of every token of both sentences",
    "word": "only the words in which the sentences differ",
}

DISTRACTIONS = {
    "insert": "words of a list, at any place between the words",
    "drop": "words left out",
    "swap": "neighbouring words in each other's place",
    "repeat": "words said twice",
    "typo": "one letter of a word typed with the key beside it",
    "mask": "words replaced by the model's mask token",
    "replace": "words replaced by words of a list",
    "code-switch": "words replaced by words of another language of the same frequency rank",
}

PER = {
    "words": "a dose of the number of words that the text has",
    "characters": "a dose of the number of characters that the text has, spaces among them",
}

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "f1",
    "mcc",
    "cross_entropy",
    "bits_per_byte",
    "nats_per_token",
    "perplexity",
)

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
