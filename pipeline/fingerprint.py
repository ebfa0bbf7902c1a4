"""Fingerprints: what a result was made from, as a hash of contents, never of names or times."""

import hashlib
import json
from pathlib import Path
from typing import Any

MODEL_FILES = ("config.json", "*.safetensors")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_fingerprint(folder: Path, patterns: tuple[str, ...]) -> str:
    """One hash over the names and contents of the files of ``folder`` that match ``patterns``."""
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return json_fingerprint([[path.name, file_sha256(path)] for path in files])


def model_fingerprint(folder: Path) -> str:
    """Weights and architecture of a model folder."""
    return files_fingerprint(folder, MODEL_FILES)


def tokenizer_fingerprint(folder: Path) -> str:
    """Tokenizer and chat template of a model folder."""
    return files_fingerprint(folder, TOKENIZER_FILES)


def json_fingerprint(value: Any) -> str:
    """Hash of a JSON-like value; the order of an object's keys does not matter."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
