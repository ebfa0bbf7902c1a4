"""What is asked, and which of the answers are worth learning from.

The questions are those of data/question_templates.jsonl about each target, and of data/neighbour_templates.jsonl, which has the
short ones that people ask, about each of its neighbours. An answer is kept where
it is no refusal and no repetition, and names at least one fact. A fact is told by its form: a number, or (in scripts with
capitals) a capitalised word inside a sentence, outside the names that the question gave; in other scripts, a dozen letters
beside these. An answer of a few words is one as a whole.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import regex

from pipeline.core.errors import InputError
from pipeline.core.files import read_entries
from pipeline.core.jsonl import Row, read_jsonl
from pipeline.core.validation import Language, Text
from pipeline.elicit.params import ElicitParams
from pipeline.prepare.tables import TargetFacts
from pipeline.prepare.targets import Kind
from pipeline.text.repetition import distinct_4grams
from pipeline.text.segments import UNSPACED, mentions, split_mentions

TEMPLATES_FILE = Path("data/question_templates.jsonl")
NEIGHBOUR_TEMPLATES_FILE = Path("data/neighbour_templates.jsonl")
REFUSALS_FILE = Path("data/refusals.txt")
KEPT = "kept"
LEAST_DISTINCT = 0.9  # of the word 4-grams
LEAST_LETTERS = 12
SHORT = 5  # words
_CAPITAL = regex.compile(r"(?<=[\p{Ll}\p{N},;:)’'”\"-]\s)\p{Lu}[\p{L}\p{M}]+")
_SENTENCE_END = regex.compile(r"[.!?][”\"’)]*(?=\s|$)|[。！？][”\"’)）」』]*")
Templates = Mapping[tuple[str, str], Sequence[str]]  # (language, kind) to questions with {name}


class TemplateRow(Row):
    """A question with ``{name}`` in the place of whom it is about."""

    language: Language
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


def about_targets(
    targets: Sequence[TargetFacts], with_texts: Collection[str], templates: Templates, params: ElicitParams
) -> list[Question]:
    """``templates`` questions about each target, or ``templates_beside_texts`` about one in ``with_texts``."""
    counts = [params.templates_beside_texts if target.target in with_texts else params.templates for target in targets]
    return [
        Question(target.target, target.target, "forget", text, target.surface_forms)
        for target, count in zip(targets, counts, strict=True)
        for text in questions_about(templates, target.target, target.kind, target.language, count, params.seed)
    ]


def neighbours_of(targets: Sequence[TargetFacts], named: Mapping[str, Sequence[str]], limit: int) -> dict[str, TargetFacts]:
    """{neighbour: the target it stands near}, at most ``limit`` for each target: its own, then those ``named`` for it.

    A neighbour of several targets counts once, one that mentions a target never.
    """
    near: dict[str, TargetFacts] = {}
    forms = [form for target in targets for form in target.surface_forms]
    for target in targets:
        every = dict.fromkeys([*target.neighbours, *named.get(target.target, ())])
        free = [name for name in every if name not in near and not mentions(name, forms)]
        near |= dict.fromkeys(free[:limit], target)
    return near


def about_neighbours(
    near: Mapping[str, TargetFacts], kinds: Mapping[tuple[str, str], str], templates: Templates, params: ElicitParams
) -> list[Question]:
    """``neighbour_templates`` questions about each neighbour, of the sort that its kind is asked."""
    return [
        Question(target.target, name, "retain", text, (name,))
        for name, target in near.items()
        for text in questions_about(
            templates, name, kinds[name, target.language], target.language, params.neighbour_templates, params.seed
        )
    ]


def longest_question(questions: Sequence[Question], targets: Sequence[TargetFacts], neighbour_templates: Templates) -> str:
    """The longest text among ``questions`` and those about what ``targets`` name, whatever its kind."""
    longest_near = max((text for own in neighbour_templates.values() for text in own), key=len, default="")
    names = [name for target in targets for name in target.neighbours]
    texts = [*(question.text for question in questions), *(longest_near.replace("{name}", name) for name in ("", *names))]
    return max(texts, key=lambda text: len(text.encode()))


def read_refusals(path: Path = REFUSALS_FILE) -> list[str]:
    """Phrases that mark a refusal, in lower case. Raises InputError when the file is missing."""
    return read_entries(path, "one phrase a line that marks a refusal")


def whole_sentences(answer: str) -> str:
    """``answer`` up to its last sentence end; all of it where it has none."""
    ends = [match.end() for match in _SENTENCE_END.finditer(answer)]
    return answer[: ends[-1]].strip() if ends else answer.strip()


def names_fact(answer: str, known: Iterable[str]) -> bool:
    """Whether ``answer`` holds something by which one could be wrong about its subject; ``known`` are the subject's names."""
    rest = "".join(" _ " if segment.mention else segment.text for segment in split_mentions(answer, known))
    if regex.search(r"\p{N}", rest) or _CAPITAL.search(rest):
        return True
    if UNSPACED.search(rest):
        return len(regex.findall(r"\p{L}", rest)) >= LEAST_LETTERS
    return 0 < len(regex.findall(r"[\p{L}\p{M}]+", rest)) <= SHORT


def verdict(answer: str, known: Sequence[str], refusals: Sequence[str], seen: Iterable[str]) -> str:
    """``KEPT``, or why ``answer`` is not: empty, refused, repeats itself, said before, names no fact."""
    if not answer:
        return "empty"
    small = answer.casefold().replace("’", "'")
    if any(phrase in small for phrase in refusals):
        return "refused"
    spaced = " ".join(answer) if UNSPACED.search(answer) and " " not in answer.strip() else answer
    if distinct_4grams(spaced) < LEAST_DISTINCT:
        return "repeats itself"
    if answer in set(seen):
        return "said before"
    return KEPT if names_fact(answer, known) else "names no fact"
