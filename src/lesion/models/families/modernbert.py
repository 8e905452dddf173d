"""ModernBERT: pre-norm layers without biases; query, key and value in one matrix."""

from lesion.models.families.base import Family

MODERNBERT = Family(
    "modernbert",
    body={
        "embeddings": ("embeddings.tok_embeddings",),
        "query": ("layers.{n}.attn.Wqkv[0/3]",),
        "key": ("layers.{n}.attn.Wqkv[1/3]",),
        "value": ("layers.{n}.attn.Wqkv[2/3]",),
        "attention_output": ("layers.{n}.attn.Wo",),
        "mlp_in": ("layers.{n}.mlp.Wi[0/2]", "layers.{n}.mlp.Wi[1/2]"),
        "mlp_out": ("layers.{n}.mlp.Wo",),
        "norms": (
            "embeddings.norm",
            "layers.{n}.attn_norm",  # layer 0 has none: the embeddings' norm stands before it
            "layers.{n}.mlp_norm",
            "final_norm",
        ),
    },
    head={
        "classifier": ("head.dense", "head.norm", "classifier"),
        "mlm_head": ("head.dense", "head.norm", "decoder"),
    },
    biases=False,
)
