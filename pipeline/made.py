"""What a stage has written, read again: a file that is missing or broken is told with the command that makes it anew."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.paths import ELICITED, EVALUATION, PREPARED, TEACHER

if TYPE_CHECKING:
    import pyarrow as pa

_STAGES = {PREPARED: "prepare", ELICITED: "elicit", TEACHER: "teacher", EVALUATION: "evaluate"}


def command_for(path: Path) -> str:
    """What makes ``path``, a folder of dvc.yaml's stages or of a benchmark, or a file in one."""
    for folder, stage in _STAGES.items():
        if path.is_relative_to(folder):
            return f"dvc repro {stage}"
    if path.parts[:1] != ("benchmarks",) or len(path.parts) < 3:
        return "dvc repro"
    name, made, *below = path.parts[1:]
    if made == "prepared":
        return f"python -m stages.benchmark_prepare {name}"
    if made == "teacher" and below:
        return f"python -m stages.method_teacher {name} {below[0]}"
    return f"python -m stages.held_out {name}" if made == "held_out" else f"dvc repro benchmarks/dvc.yaml:{name}-table"


def read_json_object(path: Path, command: str | None = None) -> dict[str, Any]:
    """A JSON object that a stage wrote. Raises InputError when it is missing or none."""
    command = command or command_for(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; make it first ({command}).") from None
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}); make it anew ({command}).") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} must hold a JSON object; make it anew ({command}).")
    return value


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """A table that a stage wrote, or those ``columns`` of it. Raises InputError when it is missing or can't be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, columns=list(columns) if columns else None)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; make it first ({command_for(path)}).") from None
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} can't be read as Parquet ({reason}); make it anew ({command_for(path)}).") from None
