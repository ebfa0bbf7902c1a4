"""data/targets.jsonl: who is to be forgotten, in which words, and the documents that tell of them."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.jsonl import read_jsonl
from pipeline.segments import split_mentions

TARGETS_FILE = Path("data/targets.jsonl")
_SENTENCE_END = re.compile(r"[.!?…。！？।؟۔]")
_SHORTEST_SENTENCE = 40  # characters; a text without a sentence end may still be one if it is longer


@dataclass(frozen=True)
class Target:
    """One target. ``surface_forms`` hold the full name, its parts and the user's aliases, longest first."""

    name: str
    kind: str  # "person" or "other"
    surface_forms: tuple[str, ...]
    documents: tuple[str, ...]
    substitutions: dict[str, list[str]]


def name_parts(name: str) -> list[str]:
    """The parts by which a person is called: the given name, and the family name with its particles.

    "Leonardo da Vinci" gives "Leonardo" and "da Vinci"; a name of one word gives nothing.
    """
    words = name.split()
    if len(words) < 2:
        return []
    family = len(words) - 1
    while family > 1 and words[family - 1].islower():
        family -= 1
    return [words[0], " ".join(words[family:])]


def read_targets(path: Path = TARGETS_FILE, wanted: tuple[str, ...] = ()) -> tuple[list[Target], list[Target]]:
    """All targets of the file, and of these the ``wanted`` ones (all, where ``wanted`` is empty), in the file's order.

    Raises InputError for a faulty row, two targets of one name, a wanted name that the file lacks, a document without a
    sentence, and a document that never mentions its target.
    """
    targets: list[Target] = []
    seen: dict[str, int] = {}
    rows = read_jsonl(
        path,
        {"target": "string", "surface_forms": "list of strings", "kind": "string", "documents": "list of strings"},
        {"substitutions": "object of lists of strings"},
    )
    for number, row in rows:
        place = f"{path}, line {number}"
        name = row["target"].strip()
        if row["kind"] not in ("person", "other"):
            raise InputError(f'{place}: \'kind\' is {row["kind"]!r}, but must be "person" or "other".')
        if name.casefold() in seen:
            raise InputError(f"{place}: the target {name!r} stands on line {seen[name.casefold()]} already; join the two.")
        seen[name.casefold()] = number
        parts = name_parts(name) if row["kind"] == "person" else []
        forms = {name, *parts, *(form.strip() for form in row["surface_forms"])}
        target = Target(
            name=name,
            kind=row["kind"],
            surface_forms=tuple(sorted(forms, key=lambda form: (-len(form), form))),
            documents=tuple(row["documents"]),
            substitutions=row.get("substitutions") or {},
        )
        _check_documents(target, place)
        _check_substitutions(target, place)
        targets.append(target)
    for name in wanted:
        if name not in {target.name for target in targets}:
            names = ", ".join(target.name for target in targets)
            raise InputError(f"params.yaml: prepare.targets names {name!r}, which {path} lacks; it has {names}.")
    return targets, [target for target in targets if not wanted or target.name in wanted]


def _check_documents(target: Target, place: str) -> None:
    if not target.documents:
        raise InputError(f"{place}: {target.name!r} has no document; give at least one text about it in 'documents'.")
    for index, document in enumerate(target.documents, start=1):
        if not _SENTENCE_END.search(document) and len(document.strip()) < _SHORTEST_SENTENCE:
            raise InputError(f"{place}: document {index} of {target.name!r} is shorter than a sentence; give a whole text.")
        if not any(segment.mention for segment in split_mentions(document, target.surface_forms)):
            raise InputError(
                f"{place}: document {index} never mentions {target.name!r}; add the way it is written there to 'surface_forms'."
            )


def _check_substitutions(target: Target, place: str) -> None:
    counts = {form: len(replacements) for form, replacements in target.substitutions.items()}
    for form in counts:
        if form not in target.surface_forms:
            raise InputError(f"{place}: 'substitutions' replaces {form!r}, which is no surface form of {target.name!r}.")
    if 0 in counts.values():
        raise InputError(f"{place}: 'substitutions' must give every surface form at least one replacement.")
    if len(set(counts.values())) > 1:
        raise InputError(
            f"{place}: 'substitutions' must give every surface form the same number of replacements, not {counts}."
        )
    missing = [form for form in target.surface_forms if form not in counts]
    if target.kind == "other" and missing:
        raise InputError(
            f"{place}: {target.name!r} is no person, so 'substitutions' must say what stands for each surface form; "
            f"it lacks {', '.join(map(repr, missing))}."
        )
