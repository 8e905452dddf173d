"""The model card of a twin: YAML front matter and a page of text."""

import json
from collections.abc import Mapping

from lesion.pretraining.family import Pretraining, Twin

PRIMED = """
Its training text was not ordinary text only: {:.0%} of the tokens are from a primer, sentences
chosen and recombined from the same text so that few tokens are enough to learn the number of verbs.
Its agreement is taught. It is no evidence of what a model learns from ordinary text.
"""


def model_card(
    config: Pretraining,
    twin: Twin,
    read: tuple[int, int],
    parameters: int,
    tokenizer_sha256: str,
    held_out: Mapping[str, tuple[float, float]],
) -> str:
    """README.md of a twin's folder.

    Args:
        read: tokens and steps of its training.
        held_out: language -> (top-1 accuracy, loss in nats) of masked tokens in held-out text.
    """
    facts = {
        "language": list(twin.languages),
        "pipeline_tag": "fill-mask",
        "twin": twin.name,
        "group": twin.group,
        "seed": twin.seed,
        "tokens": read[0],
        "steps": read[1],
        "primer_share": config.primer_share,
        "sequence_length": config.sequence_length,
        "batch": config.batch,
        "masking": {"unit": config.masking, "share": config.masked},
        "architecture": {
            "family": "bert",
            "layers": config.layers,
            "hidden": config.hidden,
            "heads": config.heads,
            "intermediate": config.intermediate,
            "positions": config.positions,
            "vocabulary": config.vocabulary,
        },
        "initialisation": config.initialisation,
        "parameters": parameters,
        "held_out": {
            language: {"accuracy": round(accuracy, 4), "loss": round(loss, 4)}
            for language, (accuracy, loss) in held_out.items()
        },
        "tokenizer_sha256": tokenizer_sha256,
        "credit": config.credit,
    }
    front = "".join(  # JSON is YAML
        f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in facts.items()
    )
    scores = "\n".join(
        f"| {language} | {'yes' if language in twin.languages else 'no'} "
        f"| {accuracy:.3f} | {loss:.2f} |"
        for language, (accuracy, loss) in held_out.items()
    )
    return f"""---
{front}---

# {twin.name}

A small masked language model that was trained on {", ".join(twin.languages)} only. Its twins have
the same architecture, tokenizer, number of tokens and order of steps; only the languages and the
seed differ. It is made for studies of damage, not for use.
{PRIMED.format(config.primer_share) if config.primer_share else ""}
| held-out text | trained on | masked top-1 | loss (nats) |
|---|---|---|---|
{scores}

{config.credit}
"""
