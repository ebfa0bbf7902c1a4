"""What is asked: questions of data/question_templates.jsonl about each target, and about each of its neighbours."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import InputError
from pipeline.core.jsonl import Row, read_jsonl
from pipeline.core.validation import Text
from pipeline.elicit.params import ElicitParams
from pipeline.prepare.tables import TargetFacts
from pipeline.prepare.targets import Kind
from pipeline.text.segments import mentions

TEMPLATES_FILE = Path("data/question_templates.jsonl")
Templates = Mapping[tuple[str, str], Sequence[str]]  # (language, kind) to questions with {name}


class TemplateRow(Row):
    """A question with ``{name}`` in the place of whom it is about."""

    language: Text
    kind: Kind
    template: Text


@dataclass(frozen=True)
class Question:
    """A question about ``subject``, asked for the sake of ``target``."""

    target: str
    subject: str
    kind: str  # "forget" or "retain"
    text: str
    names: tuple[str, ...]  # by which the subject is known


def read_templates(path: Path = TEMPLATES_FILE) -> Templates:
    """The templates of ``path``. Raises InputError for an unknown kind, and one that lacks ``{name}`` or stands there twice."""
    templates: dict[tuple[str, str], list[str]] = {}
    for number, row in read_jsonl(path, TemplateRow):
        place, text = f"{path}, line {number}", row.template.strip()
        if text.count("{name}") != 1:
            raise InputError(f"{place}: 'template' must hold {{name}} once, where the name goes.")
        own = templates.setdefault((row.language, row.kind), [])
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


def to_ask(targets: Sequence[TargetFacts], with_texts: Collection[str], params: ElicitParams) -> list[TargetFacts]:
    """The targets to ask about: those of which no text is given, or all of them."""
    return [target for target in targets if params.of == "all" or target.target not in with_texts]


def plan(targets: Sequence[TargetFacts], templates: Templates, params: ElicitParams) -> list[Question]:
    """``templates`` questions about each target, then ``neighbour_templates`` about each of its neighbours.

    A neighbour of several targets is asked about once, one that mentions a target never.
    """
    if not params.templates:
        return []
    questions = [
        Question(target.target, target.target, "forget", text, target.surface_forms)
        for target in targets
        for text in questions_about(templates, target.target, target.kind, target.language, params.templates, params.seed)
    ]
    asked: set[str] = set()
    forms = [form for target in targets for form in target.surface_forms]
    for target in targets:
        free = [name for name in target.neighbours if name not in asked and not mentions(name, forms)]
        for name in free[: params.neighbours]:
            asked.add(name)
            texts = questions_about(templates, name, "other", target.language, params.neighbour_templates, params.seed)
            questions += [Question(target.target, name, "retain", text, (name,)) for text in texts]
    return questions
