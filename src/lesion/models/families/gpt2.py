"""GPT-2. It keeps its matrices as (in, out): output units are columns."""

from lesion.models.families.base import Family

GPT2 = Family(
    "gpt2",
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
)
