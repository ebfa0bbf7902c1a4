"""params.yaml as a whole: which sections there are, each owned by its room, and all of them checked at once.

A stage reads its own section; ``prepare``, which runs first, checks every one, so that a typo ends a first run at once and not
after hours.
"""

from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.core.params import PARAMS_FILE, Section, parse_section, read_yaml
from pipeline.core.runtime import RuntimeParams
from pipeline.distill.params import DistillParams
from pipeline.elicit.params import ElicitParams
from pipeline.evaluate.params import EvaluateParams
from pipeline.model.params import ModelParams
from pipeline.prepare.params import PrepareParams
from pipeline.teacher.params import TeacherParams

SECTIONS: dict[str, type[Section]] = {
    "model": ModelParams,
    "prepare": PrepareParams,
    "elicit": ElicitParams,
    "teacher": TeacherParams,
    "distill": DistillParams,
    "evaluate": EvaluateParams,
    "runtime": RuntimeParams,
}


def load_params(path: Path = PARAMS_FILE) -> dict[str, Any]:
    """Every section of ``path`` by its name, checked. Raises InputError."""
    document = read_yaml(path)
    for name in document:
        if name not in SECTIONS:
            raise InputError(f"{path}: section {name} is unknown; the sections are {', '.join(SECTIONS)}.")
    return {name: parse_section(section, document.get(name), name, path) for name, section in SECTIONS.items()}
