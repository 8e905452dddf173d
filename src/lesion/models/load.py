"""Checkpoints from a hub, a folder or the package itself, safely.

Weights are read from safetensors, or from torch files with `weights_only`; code that a
repository carries is never run.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 -- raised where a file would run code
from typing import Any

import transformers
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from huggingface_hub.errors import HTTPError as AnyHTTPError  # type: ignore[attr-defined]
from safetensors import SafetensorError
from torch import nn

from lesion import digests
from lesion.errors import LesionError
from lesion.models.devices import check_device
from lesion.models.families import FAMILIES, find_family
from lesion.models.hush import hush_tokenizers
from lesion.models.inputs import padding_id
from lesion.models.live import copied, held
from lesion.models.missing import check_missing, generator_kept
from lesion.models.origins import folder_of
from lesion.models.stored import LOADED, Loaded, name_of, number_of, stored_format
from lesion.schema import did_you_mean
from lesion.schema.entries import installed

HEADS = {
    "classification": "AutoModelForSequenceClassification",
    "mlm": "AutoModelForMaskedLM",
    "causal": "AutoModelForCausalLM",
    "base": "AutoModel",
}


@dataclass(frozen=True)
class Checkpoint:
    """Where weights come from, pinned.

    Attributes:
        source: as the study names it.
        path: hub id or local folder to load from.
        revision: commit of the hub; None for a folder.
        digest: of the commit or of the files' content: equal digests are equal models.
        columns: the output of its head for each class of the task, in the task's order; None if
            the orders are equal.
        stored: format of its numbers, such as bfloat16; "" if not looked up yet.
    """

    source: str
    path: str
    revision: str | None
    digest: str
    columns: tuple[int, ...] | None = None
    stored: str = field(default="", compare=False)  # follows from the digest


def resolve(source: str, revision: str | None = None) -> Checkpoint:
    """Find a source and pin it.

    Raises:
        LesionError: if it is neither a model folder nor a model of the hub, or if a hub id is also
            the name of a folder here.
    """
    folder = folder_of(source)
    if folder is not None and folder.is_dir():
        return Checkpoint(source, str(folder), None, digests.of_model(folder))
    if folder is not None:
        raise LesionError(f"{source}: no such folder. Give a model folder or a hub id.")
    commit = _commit(source, revision)
    return Checkpoint(source, source, commit, f"{source}@{commit}")


def load_model(
    source: str | Checkpoint,
    *,
    head: str = "classification",
    revision: str | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    require_head: bool = True,
    **config: Any,
) -> nn.Module:
    """A Hugging Face model in evaluation mode, by default in float32.

    A causal classifier reads the last token that is not padding. Where its configuration names
    no padding token (GPT-2, Llama), it gets the one that `inputs.collate` pads with.

    How its numbers are stored is remembered (`lesion_loaded`): a lesion of bits damages them as
    the checkpoint stores them. A base model whose checkpoint has no pooler has none (None).

    Args:
        source: hub id, local folder, or a resolved `Checkpoint`.
        head: `classification`, `mlm`, `causal` or `base`.
        revision: commit, tag or branch of the hub.
        dtype: `float32`, or `stored` for the format of the checkpoint.
        require_head: refuse a checkpoint that lacks weights of the head; False draws them, and
            those of a pooler, from torch's global generator.
        config: changes to the configuration, such as `num_labels`.

    Raises:
        LesionError: if the source cannot be found or holds no such model, if there is no such head
            or device, or if a causal classifier and its tokenizer disagree on the padding.
    """
    if head not in HEADS:
        raise LesionError(
            f"head: must be one of {', '.join(HEADS)}. Got {head!r}.{did_you_mean(head, HEADS)}"
        )
    check_device(device)
    checkpoint = source if isinstance(source, Checkpoint) else resolve(source, revision)
    if head == "causal":
        _check_causal(checkpoint)
    stored = format_of(checkpoint)
    number = number_of(checkpoint.source, dtype, stored)
    live = held(checkpoint.path)
    if live is not None:
        copy = copied(live, number, config)
        setattr(copy, LOADED, Loaded(stored, name_of(number), ()))
        return copy.to(device).eval()
    auto = getattr(transformers, HEADS[head])
    _load_family(checkpoint)
    with _as_lesion_error(checkpoint.source), generator_kept(require_head):
        model, loading = auto.from_pretrained(
            checkpoint.path,
            revision=checkpoint.revision or "main",
            dtype=number,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they count as missing
            **config,
        )
    missing = sorted({*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])})
    drawn = check_missing(checkpoint.source, model, head, missing, require_head)
    if drawn and head == "base":
        model.pooler, drawn = None, ()
    setattr(model, LOADED, Loaded(stored, name_of(number), drawn))
    family = find_family(model.config.model_type)
    if head == "classification" and family and family.causal:
        _agree_on_padding(model, checkpoint)
    return model.to(device).eval()


def format_of(checkpoint: Checkpoint) -> str:
    """The format in which most numbers of a checkpoint are stored; float32 if it cannot be seen."""
    if checkpoint.stored:
        return checkpoint.stored
    with _as_lesion_error(checkpoint.source):
        return stored_format(checkpoint.path, checkpoint.revision) or "float32"


def check_available(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint that was resolved on a machine with other files than this one.

    Raises:
        LesionError: if its folder is missing, or holds another model.
    """
    if checkpoint.revision is not None:
        return  # pinned to a commit of the hub
    folder = Path(checkpoint.path)
    if not folder.is_dir() or digests.of_model(folder) != checkpoint.digest:
        wrong = "holds another model" if folder.is_dir() else "is not there"
        raise LesionError(
            f"{folder}: {wrong} on {platform.node()}. Every node must see the same folders: put "
            "models, and the cache (LESION_CACHE), on storage that they share."
        )


def load_config(checkpoint: Checkpoint) -> Any:
    """The configuration of a checkpoint."""
    live = held(checkpoint.path)
    if live is not None:
        return live.model.config
    _load_family(checkpoint)
    with _as_lesion_error(checkpoint.source):
        return transformers.AutoConfig.from_pretrained(
            checkpoint.path, revision=checkpoint.revision or "main", trust_remote_code=False
        )


def load_tokenizer(source: str | Checkpoint, *, revision: str | None = None) -> Any:
    """The tokenizer that belongs to a model; arguments as of `load_model`."""
    checkpoint = source if isinstance(source, Checkpoint) else resolve(source, revision)
    hush_tokenizers()
    live = held(checkpoint.path)
    if live is not None:
        return live.tokenizer
    _load_family(checkpoint)
    with _as_lesion_error(checkpoint.source):
        return transformers.AutoTokenizer.from_pretrained(
            checkpoint.path, revision=checkpoint.revision or "main", trust_remote_code=False
        )


def _load_family(checkpoint: Checkpoint) -> None:
    """Let the package that offers a checkpoint's family register what transformers lacks."""
    if not installed("family"):
        return
    with _as_lesion_error(checkpoint.source):
        config, _ = transformers.PretrainedConfig.get_config_dict(
            checkpoint.path, revision=checkpoint.revision or "main"
        )
    find_family(config.get("model_type", ""))


def _check_causal(checkpoint: Checkpoint) -> None:
    """Refuse a masked model: with a causal head it loads, but attends to the word it predicts."""
    config = load_config(checkpoint)
    kind, family = config.model_type, find_family(config.model_type)
    if family and not family.causal and not getattr(config, "is_decoder", False):
        causal = ", ".join(name for name, family in FAMILIES.items() if family.causal)
        raise LesionError(
            f"{checkpoint.source}: is a {kind}, which does not predict the next word. "
            f"Choose a causal model ({causal})."
        )


def _agree_on_padding(model: Any, checkpoint: Checkpoint) -> None:
    """Let the model find the last real token of rows that Lesion has padded."""
    padded, configured = padding_id(load_tokenizer(checkpoint)), model.config.pad_token_id
    if configured is None:
        model.config.pad_token_id = padded
    elif configured != padded:
        raise LesionError(
            f"{checkpoint.source}: config.json has pad_token_id {configured}, but the tokenizer "
            f"pads with {padded}, so that the classifier would read padding. Make them the same."
        )


@contextmanager
def silence_transformers() -> Iterator[None]:
    """Keep transformers from printing its progress bars and reports."""
    logging = transformers.utils.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


@contextmanager
def _as_lesion_error(source: str) -> Iterator[None]:
    """Errors of transformers and the hub as a LesionError of one sentence."""
    try:
        with silence_transformers():
            yield
    except (OSError, ValueError, HfHubHTTPError, SafetensorError, UnpicklingError) as error:
        first = str(error).strip().splitlines()[0]
        raise LesionError(f"{source}: cannot be loaded as a model: {first}") from error


def _commit(source: str, revision: str | None) -> str:
    """The commit that a revision stands for; from the local cache where the hub is out of reach."""
    try:
        if not constants.HF_HUB_OFFLINE:
            return str(HfApi().model_info(source, revision=revision).sha)
    except HFValidationError:
        raise LesionError(
            f"{source}: is neither a folder nor a hub id such as owner/name."
        ) from None
    except HfHubHTTPError as error:
        if error.response.status_code in (401, 403, 404):
            raise LesionError(
                f"{source}: the hub has no such model or revision ({revision or 'main'}). "
                "Check the spelling, or log in if it is private."
            ) from None
    except (OSError, AnyHTTPError, LocalEntryNotFoundError):
        pass  # no connection
    return _cached_commit(source, revision or "main")


def _cached_commit(source: str, revision: str) -> str:
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(source, "config.json", revision=revision)
    if not isinstance(config, str):
        raise LesionError(
            f"{source}: is not a folder here, the hub cannot be reached and its cache does not "
            "hold the model. Give a local folder, or run once with a network."
        )
    return Path(config).parent.name
