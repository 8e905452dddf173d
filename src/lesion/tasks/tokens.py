"""What a tokenizer and a model's configuration say about inputs."""

from typing import Any

from lesion.models.families import FAMILIES


def longest_input(tokenizer: Any, config: Any) -> int:
    """The most tokens that a model reads, special ones included.

    RoBERTa, XLM-R and MPNet count positions from the one after the padding's id: a table of 514
    positions is read by 512 tokens.
    """
    longest = int(tokenizer.model_max_length)
    positions = getattr(config, "max_position_embeddings", None)
    if not positions:
        return longest
    family = FAMILIES.get(getattr(config, "model_type", ""))
    skipped = config.pad_token_id + 1 if family and family.skips_padding else 0
    return min(longest, positions - skipped)


def opening_token(tokenizer: Any) -> int | None:
    """The token that begins a text or, where a tokenizer has none, the one that ends it.

    GPT-2 and its heirs were trained on texts with the second between them.
    """
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return None


def has_token_types(config: Any) -> bool:
    """Whether a model of this configuration tells the first text from the second by type."""
    return (getattr(config, "type_vocab_size", None) or 0) > 1
