"""data/question_templates.jsonl: questions that can be asked about anybody, by kind of entity and language."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import InputError
from pipeline.jsonl import read_jsonl
from pipeline.prepare.targets import KINDS

TEMPLATES_FILE = Path("data/question_templates.jsonl")
Templates = Mapping[tuple[str, str], Sequence[str]]  # (language, kind) to questions with {name}


def read_templates(path: Path = TEMPLATES_FILE) -> Templates:
    """The templates of ``path``. Raises InputError for an unknown kind, and one that lacks ``{name}`` or stands there twice."""
    templates: dict[tuple[str, str], list[str]] = {}
    for number, row in read_jsonl(path, {"language": "string", "kind": "string", "template": "string"}, {}):
        place, text = f"{path}, line {number}", row["template"].strip()
        if row["kind"] not in KINDS:
            raise InputError(f"{place}: 'kind' is {row['kind']!r}, but must be one of {', '.join(KINDS)}.")
        if text.count("{name}") != 1:
            raise InputError(f"{place}: 'template' must hold {{name}} once, where the name goes.")
        own = templates.setdefault((row["language"], row["kind"]), [])
        if text in own:
            raise InputError(f"{place}: the template {text!r} stands in the file already; remove one.")
        own.append(text)
    return templates


def questions_about(templates: Templates, name: str, kind: str, language: str, count: int, seed: int) -> list[str]:
    """``count`` questions about ``name``, drawn in an order that (seed, name) gives; nested for every ``count``.

    A kind without templates of its own in ``language`` takes those of kind "other".
    Raises InputError when the language has neither.
    """
    if not count:
        return []
    own = templates.get((language, kind)) or templates.get((language, "other"))
    if not own:
        raise InputError(
            f"{TEMPLATES_FILE} has no template of kind {kind!r} or 'other' in language {language!r}, so {name!r} can't be "
            "asked about; write some, or set elicit.templates to 0."
        )
    order = list(own)
    random.Random(f"{seed}:{name}").shuffle(order)
    return [template.replace("{name}", name) for template in order[:count]]
