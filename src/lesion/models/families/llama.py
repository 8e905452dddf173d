"""Llama, and the families that keep its layers: Mistral and Qwen2."""

from dataclasses import replace

from lesion.models.families.base import Family

LLAMA = Family(
    "llama",
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
    biases=False,
)

MISTRAL = replace(LLAMA, word="mistral")

QWEN2 = replace(LLAMA, word="qwen2")  # with biases in query, key and value, but not in the MLP
