"""A tiny random model of each family, as a local folder with a tokenizer.

`build("gpt2", folder)` writes one. Every parameter is random and free of ties, so that a lesion
that does nothing cannot pass for one that works. The models are 32 wide, with 3 layers and 4
heads (2 of them for keys and values where queries are grouped); the MLP is 48 wide, XLM's 128;
ELECTRA and ALBERT have narrow word tables. A suite over all families runs over `NAMES`; those in
`MASKED` and `CAUSAL` can be built with the heads "mlm" and "causal".
"""

import json
from pathlib import Path
from typing import Any

import torch
import transformers

from lesion.models.families import FAMILIES
from lesion.models.hush import silence_transformers
from tests.conftest import SENTENCES, _write_xlm_bpe

SIZE = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "num_labels": 2,
}
_DEBERTA = {
    "relative_attention": True,
    "position_buckets": 8,
    "norm_rel_ebd": "layer_norm",
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
}
_MODERN = {"local_attention": 8, "global_attn_every_n_layers": 2}
_UNTIED = {"tie_word_embeddings": False}
_GROUPED = {"num_key_value_heads": 2}

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertConfig", {}),
    "xlm": ("XLMConfig", {"use_lang_emb": True, "n_langs": 2, "lang2id": {"en": 0, "fr": 1}}),
    "roberta": ("RobertaConfig", {"type_vocab_size": 1}),
    "xlm-roberta": ("XLMRobertaConfig", {"type_vocab_size": 1}),
    "distilbert": ("DistilBertConfig", {"hidden_dim": 48}),
    "electra": ("ElectraConfig", {"embedding_size": 16}),
    "albert": ("AlbertConfig", {"embedding_size": 16}),
    "mpnet": ("MPNetConfig", {}),
    "deberta-v2": (
        "DebertaV2Config",
        {**_DEBERTA, "share_att_key": False, "conv_kernel_size": 3, "conv_act": "gelu"},
    ),
    "deberta-v3": ("DebertaV2Config", {**_DEBERTA, "share_att_key": True}),
    "modernbert": ("ModernBertConfig", _MODERN),
    "gpt2": ("GPT2Config", {"n_inner": 48}),
    "llama": ("LlamaConfig", {**_GROUPED, **_UNTIED}),
    "mistral": ("MistralConfig", {**_GROUPED, **_UNTIED}),
    "qwen2": ("Qwen2Config", {**_GROUPED, "tie_word_embeddings": True}),
}
NAMES = tuple(CONFIGS)


def _model_type(name: str) -> str:
    return str(getattr(transformers, CONFIGS[name][0]).model_type)


CAUSAL = tuple(name for name in NAMES if FAMILIES[_model_type(name)].causal)
MASKED = tuple(name for name in NAMES if name not in CAUSAL)
_AUTO = {
    "classification": transformers.AutoModelForSequenceClassification,
    "mlm": transformers.AutoModelForMaskedLM,
    "causal": transformers.AutoModelForCausalLM,
}
# The order of the special tokens of the published checkpoints: RoBERTa counts its positions from
# the padding's id.
_BERTS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ROBERTAS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def build(name: str, folder: Path, head: str = "classification", **changes: Any) -> Path:
    """Write a model of a family; `changes` go to its configuration.

    Args:
        name: one of `NAMES`.
        head: `classification`, or `mlm` (of `MASKED`), or `causal` (of `CAUSAL`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    special = _write_tokenizer(name, folder)
    kind, settings = CONFIGS[name]
    config = getattr(transformers, kind)(**{**SIZE, **special, **settings, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _AUTO[head].from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.2)
    with silence_transformers():
        model.eval().save_pretrained(folder)
    return folder


def language(name: str, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a family wants beside tokens and types: XLM's language of every token (English)."""
    return {"langs": torch.zeros_like(input_ids)} if name == "xlm" else {}


def _write_tokenizer(name: str, folder: Path) -> dict[str, Any]:
    """The tokenizer's files; what the configuration must know of it."""
    if name == "xlm":
        size = _write_xlm_bpe(folder)
        settings = {"tokenizer_class": "XLMTokenizer", "model_max_length": 64}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
        return {"vocab_size": size, "pad_token_id": 2}
    tokenizer = _bytes() if name == "qwen2" else _words(name)
    tokenizer.save_pretrained(folder)
    special: dict[str, Any] = {"vocab_size": len(tokenizer)}
    if name in CAUSAL:  # published with a configuration that names no padding
        return {**special, "pad_token_id": None, "bos_token_id": None, "eos_token_id": None}
    for token in ("pad", "bos", "eos", "cls", "sep"):
        special[f"{token}_token_id"] = getattr(tokenizer, f"{token}_token_id")
    return special


def _words(name: str) -> Any:
    """Whole words: [CLS] a [SEP] b [SEP]; for decoders bare words and no padding token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    roberta = name in ("roberta", "xlm-roberta", "mpnet")
    special = ("<s>", "</s>", "<unk>") if name in CAUSAL else _ROBERTAS if roberta else _BERTS
    words = sorted({word for sentence in SENTENCES for word in sentence.split()})
    vocabulary = {word: number for number, word in enumerate((*special, *words))}
    unknown = "[UNK]" if special is _BERTS else "<unk>"
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    roles = {"unk_token": unknown}
    if name in CAUSAL:
        roles |= {"bos_token": "<s>", "eos_token": "</s>"}
    else:
        names = ("cls_token", "pad_token", "sep_token", "unk_token", "mask_token")
        if special is _BERTS:
            names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
        roles = dict(zip(names, special, strict=True))
        first, last = roles["cls_token"], roles["sep_token"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{first} $A {last}",
            pair=f"{first} $A {last} $B:1 {last}:1",
            special_tokens=[(token, vocabulary[token]) for token in (first, last)],
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=60, **roles
    )


def _bytes() -> Any:
    """A byte-level BPE with a padding token: AutoTokenizer insists on one for Qwen."""
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    special = ["<|endoftext|>", "<|im_end|>"]
    trained.train_from_iterator(
        SENTENCES, vocab_size=320, special_tokens=special, show_progress=False
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer,
        model_max_length=60,
        pad_token=special[0],
        eos_token=special[1],
    )


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of everything that a model holds."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def same(before: dict[str, torch.Tensor], model: torch.nn.Module) -> bool:
    """Whether a model holds the numbers that it held."""
    after = model.state_dict()
    return all(torch.equal(tensor, after[name]) for name, tensor in before.items())
