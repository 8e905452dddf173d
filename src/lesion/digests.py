"""Digests of texts, files and model folders: BLAKE2b in 32 hexadecimal digits."""

import hashlib
from pathlib import Path

from lesion.errors import LesionError

WEIGHTS = (".safetensors", ".bin")
OF_MODEL = (*WEIGHTS, ".json", ".txt", ".model")  # what of a model's folder decides a score


def of_text(text: str) -> str:
    """Of a text in UTF-8."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def of_file(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def of_model(folder: Path) -> str:
    """Of the names and bytes of a model's configuration, tokenizer and weights.

    Raises:
        LesionError: if the folder is no model's.
    """
    if not (folder / "config.json").is_file():
        raise LesionError(f"{folder}: is not a model folder: it has no config.json.")
    names = [path.name for path in files_of_model(folder)]
    if not any(name.endswith(WEIGHTS) for name in names):
        known = "model.safetensors, model.safetensors.index.json, pytorch_model.bin"
        raise LesionError(f"{folder}: holds no weights ({known}).")
    digest = hashlib.blake2b(digest_size=16)
    for name in names:
        digest.update(name.encode() + b"\0")
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()


def files_of_model(folder: Path) -> list[Path]:
    """The files that a model's digest covers, in the order of their names."""
    files = (path for path in folder.iterdir() if path.suffix in OF_MODEL and path.is_file())
    return sorted(files, key=lambda path: path.name)
