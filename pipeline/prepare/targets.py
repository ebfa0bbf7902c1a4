"""data/targets.jsonl: who or what is to be forgotten, in which words, and the texts that tell of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import regex

from pipeline.errors import InputError, ParamError
from pipeline.jsonl import read_jsonl
from pipeline.prepare.name_shapes import dot_in, family_and_given, is_unspaced
from pipeline.segments import mentions, split_mentions

TARGETS_FILE = Path("data/targets.jsonl")
KINDS = ("person", "book", "company", "place", "other")
_SENTENCE_END = regex.compile(r"[.!?…。！？।؟۔]")
_SHORTEST_SENTENCE = 40  # characters; a text without a sentence end may still be one if it is longer


@dataclass(frozen=True)
class Target:
    """One target. ``surface_forms`` hold the full name, its parts and the user's aliases, longest first."""

    name: str
    kind: str  # one of KINDS
    surface_forms: tuple[str, ...]
    documents: tuple[str, ...] = ()
    substitutions: dict[str, list[str]] = field(default_factory=dict)
    language: str = "en"
    family_name: str = ""  # the part of ``name`` that is the family name, where it can't be told by itself
    neighbours: tuple[str, ...] = ()  # other entities, to keep
    chats: tuple[tuple[str, str], ...] = ()  # (question, answer)
    held_out_documents: tuple[str, ...] = ()  # never trained on; the interventional gap is measured on them
    names: str = ""  # the pool of counterfactual names, a file of data/names/; empty is that of the language


def name_parts(name: str) -> list[str]:
    """The parts by which a person is called: the given name, and the family name with its particles.

    "Leonardo da Vinci" gives "Leonardo" and "da Vinci", "艾萨克·牛顿" gives "艾萨克" and "牛顿"; a name of one word, or of a
    script without spaces, gives nothing.
    """
    dot = dot_in(name)
    words = name.split(dot) if dot else name.split()
    if len(words) < 2:
        return []
    if dot:
        return [words[0], words[-1]]
    family = len(words) - 1
    while family > 1 and words[family - 1].islower():
        family -= 1
    return [words[0], " ".join(words[family:])]


def surface_forms(name: str, kind: str, written: Sequence[str], family_name: str = "") -> tuple[str, ...]:
    """Every way ``name`` is written: itself, a person's given and family name, and the ``written`` ones; longest first.

    In a script without spaces a part of one character is no form of its own, since it stands in too many other words.
    """
    parts: list[str] = []
    if kind == "person" and is_unspaced(name):
        parts = [part for part in family_and_given(name, family_name) if len(part) > 1]
    elif kind == "person":
        given = [word for word in name.split() if word not in family_name.split()] if family_name else []
        parts = [*given[:1], family_name] if family_name else name_parts(name)
    forms = {name, *parts, *(form.strip() for form in written)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def read_targets(
    path: Path = TARGETS_FILE, wanted: tuple[str, ...] = (), language: str = "en", *, elicits: bool = True
) -> tuple[list[Target], list[Target]]:
    """All targets of the file, and of these the ``wanted`` ones (all, where ``wanted`` is empty), in the file's order.

    ``elicits`` says that texts may come from the model, so that a bare name will do.
    Raises InputError for a faulty row, two targets of one name, a wanted name that the file lacks, a document without a
    sentence, a document or chat that never mentions its target, and wanted targets of which one's form is part of another's.
    """
    targets: list[Target] = []
    places: dict[str, str] = {}
    rows = read_jsonl(
        path,
        {"target": "string"},
        {
            "surface_forms": "list of strings",
            "kind": "string",
            "documents": "list of strings",
            "substitutions": "object of lists of strings",
            "language": "string",
            "family_name": "string",
            "neighbours": "list of strings",
            "chats": "list of chats",
            "held_out_documents": "list of strings",
            "names": "string",
        },
    )
    for number, row in rows:
        place = f"{path}, line {number}"
        name, kind = row["target"].strip(), row.get("kind") or "person"
        if kind not in KINDS:
            raise InputError(f"{place}: 'kind' is {kind!r}, but must be one of {', '.join(KINDS)}.")
        if name.casefold() in {known.casefold() for known in places}:
            taken = next(where for known, where in places.items() if known.casefold() == name.casefold())
            raise InputError(f"{place}: the target {name!r} stands on {taken.rpartition(', ')[2]} already; join the two.")
        family_name = (row.get("family_name") or "").strip()
        whole = family_name in name if is_unspaced(name) else set(family_name.split()) <= set(name.split())
        if family_name and not whole:
            raise InputError(f"{place}: 'family_name' is {family_name!r}, which is no part of {name!r}.")
        target = Target(
            name=name,
            kind=kind,
            surface_forms=surface_forms(name, kind, row.get("surface_forms") or (), family_name),
            documents=tuple(row.get("documents") or ()),
            substitutions=row.get("substitutions") or {},
            language=row.get("language") or language,
            family_name=family_name,
            neighbours=tuple(row.get("neighbours") or ()),
            chats=tuple((chat["question"], chat["answer"]) for chat in row.get("chats") or ()),
            held_out_documents=tuple(row.get("held_out_documents") or ()),
            names=row.get("names") or "",
        )
        places[name] = place
        _check_texts(target, place)
        _check_substitutions(target, place)
        targets.append(target)
    for name in wanted:
        if name not in places:
            raise ParamError(f"prepare.targets names {name!r}, which {path} lacks; it has {', '.join(places)}.")
    chosen = [target for target in targets if not wanted or target.name in wanted]
    for target in chosen:
        if not target.documents and not target.chats and not elicits:
            raise InputError(
                f"{places[target.name]}: {target.name!r} is a bare name and elicit.templates is 0, so there is nothing to "
                "learn from; give 'documents' or 'chats', or let the model be asked."
            )
    check_apart(chosen, places)
    return targets, chosen


def check_apart(targets: Sequence[Target], places: dict[str, str]) -> None:
    """Raise InputError when a form of one target stands inside a form of another: whose mention would it be?"""
    for target in targets:
        for other in targets:
            if target is other:
                continue
            for form in other.surface_forms:
                for segment in split_mentions(form, target.surface_forms):
                    if segment.mention:
                        raise InputError(
                            f"{places.get(target.name, target.name)}: {segment.text!r} of {target.name!r} is part of {form!r} "
                            f"of {other.name!r}; forget the two in separate runs (prepare.targets), or as one target."
                        )


def _check_texts(target: Target, place: str) -> None:
    texts = [("document", number, text) for number, text in enumerate(target.documents, start=1)]
    texts += [("held-out document", number, text) for number, text in enumerate(target.held_out_documents, start=1)]
    for what, index, document in texts:
        if not _SENTENCE_END.search(document) and len(document.strip()) < _SHORTEST_SENTENCE:
            raise InputError(f"{place}: {what} {index} of {target.name!r} is shorter than a sentence; give a whole text.")
        if not mentions(document, target.surface_forms):
            raise InputError(
                f"{place}: {what} {index} never mentions {target.name!r}; add the way it is written there to 'surface_forms'."
            )
    for index, chat in enumerate(target.chats, start=1):
        if not mentions(" ".join(chat), target.surface_forms):
            raise InputError(
                f"{place}: chat {index} never mentions {target.name!r}; add the way it is written there to 'surface_forms'."
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
    for form, replacements in target.substitutions.items():
        if len(set(replacements)) < len(replacements):
            raise InputError(f"{place}: 'substitutions' gives {form!r} the same replacement twice; give different ones.")
        for replacement in replacements:
            if mentions(replacement, [form]):
                raise InputError(f"{place}: 'substitutions' replaces {form!r} by {replacement!r}, which holds it.")
    missing = [form for form in target.surface_forms if form not in counts]
    if target.kind != "person" and missing:
        raise InputError(
            f"{place}: {target.name!r} is no person, so 'substitutions' must say what stands for each surface form; "
            f"it lacks {', '.join(map(repr, missing))}."
        )
