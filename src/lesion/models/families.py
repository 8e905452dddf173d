"""Where each family of transformers keeps its parts: a literal table, and all that is known.

A path leads to one module. Paths under `body` start at the base model (`model.base_model`), paths
under `head` at the model with its head. A path that a particular model lacks (a head that it was
not loaded with, an option that is off) is passed over.

- `{n}` stands for the layer, counted from 0.
- `[k/m]` is block k of m equal blocks of the module's output units, for families that keep
  several projections in one tensor: `Wqkv[0/3]` is the query.
- A part may have several modules. In a gated MLP, `mlp_in` 0 goes through the activation and
  `mlp_in` 1 is multiplied with it: neuron i of the MLP is row i of both.
- The first module of a head that a model has reads the residual stream, the next ones read what
  it says; a classifier behind a pooler reads the pooler.
- A classifier is there only if its last module is (ModernBERT's `head` serves both heads).

To add a family, write its entry and a tiny random model of it in `tests/families.py`: the suites
over all families then say what is wrong.
"""

from dataclasses import dataclass

Paths = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Family:
    """Module paths of one `model_type`.

    Attributes:
        body, head: part -> paths.
        layers: the number in the configuration that counts the sets of layer weights.
        causal: whether a token sees only what stands before it.
        skips_padding: whether positions are counted from the one after the padding's id.
    """

    body: Paths
    head: Paths
    layers: str = "num_hidden_layers"
    causal: bool = False
    skips_padding: bool = False


_BERT_BODY: Paths = {
    "embeddings": (
        "embeddings.word_embeddings",
        "embeddings.position_embeddings",
        "embeddings.token_type_embeddings",
    ),
    "query": ("encoder.layer.{n}.attention.self.query",),
    "key": ("encoder.layer.{n}.attention.self.key",),
    "value": ("encoder.layer.{n}.attention.self.value",),
    "attention_output": ("encoder.layer.{n}.attention.output.dense",),
    "mlp_in": ("encoder.layer.{n}.intermediate.dense",),
    "mlp_out": ("encoder.layer.{n}.output.dense",),
    "norms": (
        "embeddings.LayerNorm",
        "encoder.layer.{n}.attention.output.LayerNorm",
        "encoder.layer.{n}.output.LayerNorm",
    ),
    "pooler": ("pooler.dense",),
}

_ROBERTA = Family(
    body=_BERT_BODY,
    head={
        "classifier": ("classifier.dense", "classifier.out_proj"),
        "mlm_head": ("lm_head.dense", "lm_head.layer_norm", "lm_head.decoder"),
    },
    skips_padding=True,
)

_LLAMA = Family(
    body={
        "embeddings": ("embed_tokens",),
        "query": ("layers.{n}.self_attn.q_proj",),
        "key": ("layers.{n}.self_attn.k_proj",),
        "value": ("layers.{n}.self_attn.v_proj",),
        "attention_output": ("layers.{n}.self_attn.o_proj",),
        "mlp_in": ("layers.{n}.mlp.gate_proj", "layers.{n}.mlp.up_proj"),
        "mlp_out": ("layers.{n}.mlp.down_proj",),
        "norms": ("norm", "layers.{n}.input_layernorm", "layers.{n}.post_attention_layernorm"),
    },
    head={"classifier": ("score",), "mlm_head": ("lm_head",)},
    causal=True,
)

FAMILIES: dict[str, Family] = {
    "bert": Family(
        body=_BERT_BODY,
        head={
            "classifier": ("classifier",),
            "mlm_head": (
                "cls.predictions.transform.dense",
                "cls.predictions.transform.LayerNorm",
                "cls.predictions.decoder",
            ),
        },
    ),
    "xlm": Family(
        body={
            "embeddings": ("embeddings", "position_embeddings", "lang_embeddings"),
            "query": ("attentions.{n}.q_lin",),
            "key": ("attentions.{n}.k_lin",),
            "value": ("attentions.{n}.v_lin",),
            "attention_output": ("attentions.{n}.out_lin",),
            "mlp_in": ("ffns.{n}.lin1",),
            "mlp_out": ("ffns.{n}.lin2",),
            "norms": ("layer_norm_emb", "layer_norm1.{n}", "layer_norm2.{n}"),
        },
        head={
            "classifier": ("sequence_summary.summary",),
            "mlm_head": ("pred_layer.proj",),
        },
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "distilbert": Family(
        body={
            "embeddings": ("embeddings.word_embeddings", "embeddings.position_embeddings"),
            "query": ("transformer.layer.{n}.attention.q_lin",),
            "key": ("transformer.layer.{n}.attention.k_lin",),
            "value": ("transformer.layer.{n}.attention.v_lin",),
            "attention_output": ("transformer.layer.{n}.attention.out_lin",),
            "mlp_in": ("transformer.layer.{n}.ffn.lin1",),
            "mlp_out": ("transformer.layer.{n}.ffn.lin2",),
            "norms": (
                "embeddings.LayerNorm",
                "transformer.layer.{n}.sa_layer_norm",
                "transformer.layer.{n}.output_layer_norm",
            ),
        },
        head={
            "classifier": ("pre_classifier", "classifier"),
            "mlm_head": ("vocab_transform", "vocab_layer_norm", "vocab_projector"),
        },
    ),
    "electra": Family(
        body={
            # The small sizes look words up in narrow tables and widen them: embeddings_project.
            **_BERT_BODY,
            "embeddings": (*_BERT_BODY["embeddings"], "embeddings_project"),
        },
        head={
            "classifier": ("classifier.dense", "classifier.out_proj"),
            "mlm_head": (
                "generator_predictions.dense",
                "generator_predictions.LayerNorm",
                "generator_lm_head",
            ),
        },
    ),
    # All layers of ALBERT compute with one set of weights (a group), held once as layer 0.
    "albert": Family(
        body={
            "embeddings": (
                *_BERT_BODY["embeddings"],
                "encoder.embedding_hidden_mapping_in",  # widens the narrow tables
            ),
            "query": ("encoder.albert_layer_groups.{n}.albert_layers.0.attention.query",),
            "key": ("encoder.albert_layer_groups.{n}.albert_layers.0.attention.key",),
            "value": ("encoder.albert_layer_groups.{n}.albert_layers.0.attention.value",),
            "attention_output": (
                "encoder.albert_layer_groups.{n}.albert_layers.0.attention.dense",
            ),
            "mlp_in": ("encoder.albert_layer_groups.{n}.albert_layers.0.ffn",),
            "mlp_out": ("encoder.albert_layer_groups.{n}.albert_layers.0.ffn_output",),
            "norms": (
                "embeddings.LayerNorm",
                "encoder.albert_layer_groups.{n}.albert_layers.0.attention.LayerNorm",
                "encoder.albert_layer_groups.{n}.albert_layers.0.full_layer_layer_norm",
            ),
            "pooler": ("pooler",),
        },
        head={
            "classifier": ("classifier",),
            "mlm_head": ("predictions.dense", "predictions.LayerNorm", "predictions.decoder"),
        },
        layers="num_hidden_groups",
    ),
    "mpnet": Family(
        body={
            "embeddings": (
                "embeddings.word_embeddings",
                "embeddings.position_embeddings",
                "encoder.relative_attention_bias",  # (distances, heads): where words stand
            ),
            "query": ("encoder.layer.{n}.attention.attn.q",),
            "key": ("encoder.layer.{n}.attention.attn.k",),
            "value": ("encoder.layer.{n}.attention.attn.v",),
            "attention_output": ("encoder.layer.{n}.attention.attn.o",),
            "mlp_in": ("encoder.layer.{n}.intermediate.dense",),
            "mlp_out": ("encoder.layer.{n}.output.dense",),
            "norms": (
                "embeddings.LayerNorm",
                "encoder.layer.{n}.attention.LayerNorm",
                "encoder.layer.{n}.output.LayerNorm",
            ),
            "pooler": ("pooler.dense",),
        },
        head=_ROBERTA.head,
        skips_padding=True,
    ),
    # DeBERTa v2 and v3 alike; what only v2 has: projections of the positions, a convolution.
    "deberta-v2": Family(
        body={
            "embeddings": (
                *_BERT_BODY["embeddings"],
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
                *_BERT_BODY["norms"],
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
    ),
    "modernbert": Family(
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
    ),
    # GPT-2 keeps its matrices as (in, out): output units are columns.
    "gpt2": Family(
        body={
            "embeddings": ("wte", "wpe"),
            "query": ("h.{n}.attn.c_attn[0/3]",),
            "key": ("h.{n}.attn.c_attn[1/3]",),
            "value": ("h.{n}.attn.c_attn[2/3]",),
            "attention_output": ("h.{n}.attn.c_proj",),
            "mlp_in": ("h.{n}.mlp.c_fc",),
            "mlp_out": ("h.{n}.mlp.c_proj",),
            "norms": ("ln_f", "h.{n}.ln_1", "h.{n}.ln_2"),
        },
        head={"classifier": ("score",), "mlm_head": ("lm_head",)},
        causal=True,
    ),
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,  # with biases in query, key and value
}
