"""DeBERTa v2 and v3. Only v2 has projections of the positions and a convolution."""

from lesion.models.families.base import Family
from lesion.models.families.bert import BERT_BODY

DEBERTA = Family(
    "deberta-v2",
    body={
        "embeddings": (
            *BERT_BODY["embeddings"],
            "embeddings.embed_proj",
            "encoder.rel_embeddings",  # relative positions
            "encoder.conv.conv",  # beside layer 0, over the embedded words and their neighbours
        ),
        "query": (
            "encoder.layer.{n}.attention.self.query_proj",
            "encoder.layer.{n}.attention.self.pos_query_proj",
        ),
        "key": (
            "encoder.layer.{n}.attention.self.key_proj",
            "encoder.layer.{n}.attention.self.pos_key_proj",
        ),
        "value": ("encoder.layer.{n}.attention.self.value_proj",),
        "attention_output": ("encoder.layer.{n}.attention.output.dense",),
        "mlp_in": ("encoder.layer.{n}.intermediate.dense",),
        "mlp_out": ("encoder.layer.{n}.output.dense",),
        "norms": (
            *BERT_BODY["norms"],
            "encoder.LayerNorm",  # of the relative positions
            "encoder.conv.LayerNorm",
        ),
    },
    head={
        # Only a classifier pools: the pooler belongs to the model with its head.
        "pooler": ("pooler.dense",),
        "classifier": ("classifier",),
        "mlm_head": (
            "cls.predictions.transform.dense",
            "cls.predictions.transform.LayerNorm",
            "cls.predictions.decoder",
            "lm_predictions.lm_head.dense",  # from here on: `legacy: false`
            "lm_predictions.lm_head.LayerNorm",
            "lm_predictions.lm_head",  # its own bias over the vocabulary
        ),
    },
)
