"""What a tokenizer and a model's configuration say about inputs."""

from typing import Any

from lesion.models.families import find_family


def longest_input(tokenizer: Any, config: Any) -> int:
    """The most tokens that a model reads, special ones included.

    RoBERTa, XLM-R and MPNet count positions from the one after the padding's id: a table of 514
    positions allows 512 tokens.
    """
    longest = int(tokenizer.model_max_length)
    positions = getattr(config, "max_position_embeddings", None)
    if not positions:
        return longest
    family = find_family(getattr(config, "model_type", ""))
    skipped = config.pad_token_id + 1 if family and family.skips_padding else 0
    return min(longest, positions - skipped)


def opening_token(tokenizer: Any) -> int | None:
    """The token that begins a text or, if the tokenizer has none, the token that ends one.

    GPT-2 and its successors were trained on texts separated by the latter.
    """
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return None


def has_token_types(config: Any) -> bool:
    """Whether the model has embeddings of token types (first and second text)."""
    return (getattr(config, "type_vocab_size", None) or 0) > 1
