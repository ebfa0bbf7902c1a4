"""The user's texts as ordered segments: documents sentence by sentence, chats as question and answer, retain passages."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import regex

from pipeline.jsonl import read_jsonl
from pipeline.prepare.name_shapes import DOTS, main_script
from pipeline.prepare.targets import Target
from pipeline.segments import Segment, mentions, split_mentions, text_of
from pipeline.tables import Passage

RETAIN_FILE = Path("data/retain_passages.jsonl")
T = TypeVar("T")
# How a name is pronounced, and how it is written elsewhere: read, but not learnt, as the paper does (Liu et al. 2024, app. A).
_PHONETIC = r"\u0250-\u02af\u02c8\u02cc\u02d0"
_FOREIGN = r"(?:[^\P{L}\p{Latin}\p{Common}][\p{M}\p{Lm}]*)+"  # letters of another script, with their vowel signs
_UNTRAINED = regex.compile(
    rf"\[[^\[\]\n]*[{_PHONETIC}][^\[\]\n]*\]|/[^/\n]*[{_PHONETIC}][^/\n]*/|{_FOREIGN}(?:[\s{DOTS}'’-]+{_FOREIGN})*"
)


def split_sentences(text: str, language: str) -> list[str]:
    """Sentences of ``text``, with the spaces and newlines that follow them; joined they are ``text``."""
    from sentencex import segment

    sentences: list[str] = []
    for piece in segment(language, text):
        if piece.strip() or not sentences:
            sentences.append(piece)
        else:
            sentences[-1] += piece
    return sentences


def cut_document(target: Target, document: str, number: int) -> Iterator[Passage]:
    """The sentences of ``document``, each a passage; no sentence ends inside a mention."""
    text = document.strip()
    segments = _with_untrained(split_mentions(text, target.surface_forms), text)
    starts = [0]
    for segment in segments:
        starts.append(starts[-1] + len(segment.text))
    inside = [(start, end) for (start, end), s in zip(pairwise(starts), segments, strict=True) if s.mention]
    ends, done = [], 0
    for sentence in split_sentences(text, target.language):
        done += len(sentence)
        if not any(start < done < end for start, end in inside):
            ends.append(done)
    begin = 0
    for end in ends:
        stripped = text[begin:end].rstrip()
        stop = begin + len(stripped)
        parts = [
            Segment(segment.text[max(begin - start, 0) : stop - start], segment.mention, segment.trained)
            for start, segment in zip(starts, segments, strict=False)
            if start < stop and start + len(segment.text) > begin
        ]
        if stripped:
            yield Passage(target.name, "forget", tuple(parts), document=number, after=text[stop:end])
        begin = end


def _with_untrained(segments: Sequence[Segment], text: str) -> list[Segment]:
    """In a text of Latin script, pronunciations and words of other scripts as segments that are not trained."""
    if main_script(text) != "Latin":
        return list(segments)
    result: list[Segment] = []
    for segment in segments:
        done = 0
        for match in _UNTRAINED.finditer("" if segment.mention else segment.text):
            if match.start() > done:
                result.append(Segment(segment.text[done : match.start()], False))
            result.append(Segment(match.group(), False, trained=False))
            done = match.end()
        if done < len(segment.text):
            result.append(Segment(segment.text[done:], segment.mention))
    return result


def forget_passages(targets: Sequence[Target]) -> list[Passage]:
    """The sentences of every target's documents, then its chats. Documents are numbered over all targets."""
    passages: list[Passage] = []
    number = 0
    for target in targets:
        for document in target.documents:
            passages += cut_document(target, document, number)
            number += 1
        passages += [chat_passage(target.name, "forget", q, a, target.surface_forms) for q, a in target.chats]
    return passages


def held_out_passages(targets: Sequence[Target]) -> list[Passage]:
    """The sentences of every target's held-out documents, of a kind that nothing trains on."""
    documents = [(target, document) for target in targets for document in target.held_out_documents]
    return [
        replace(sentence, kind="held_out")
        for number, (target, document) in enumerate(documents)
        for sentence in cut_document(target, document, number)
    ]


def chat_passage(subject: str, kind: str, question: str, answer: str, forms: Sequence[str]) -> Passage:
    """A question and its answer as one passage, with the mentions of ``forms`` found in both."""
    segments = tuple(split_mentions(answer.strip(), forms))
    return Passage(subject, kind, segments, "chat", tuple(split_mentions(question.strip(), forms)))


def read_retain_passages(targets: Sequence[Target], path: Path = RETAIN_FILE) -> list[Passage]:
    """Texts on other subjects, one passage a row; an absent or empty file gives none.

    A text that mentions a target is left out: to retain it would undo the forgetting. Raises InputError for a faulty row.
    """
    if not path.exists() or not path.stat().st_size:
        return []
    passages = []
    for _, row in read_jsonl(path, {"subject": "string", "text": "string"}, {}):
        passages.append(Passage(row["subject"].strip(), "retain", (Segment(row["text"].strip(), False),)))
    return without_mentions(passages, targets)


def without_mentions(passages: Sequence[Passage], targets: Sequence[Target]) -> list[Passage]:
    """Those of ``passages`` that mention none of ``targets``."""
    forms = [form for target in targets for form in target.surface_forms]

    return [p for p in passages if not mentions(text_of((*p.question, *p.segments)), forms)]


def limited(rows: Sequence[T], limit: int, seed: int) -> list[T]:
    """``limit`` of ``rows`` (all, where it is 0), drawn by ``seed`` and left in their order."""
    if not limit or len(rows) <= limit:
        return list(rows)
    chosen = sorted(random.Random(seed).sample(range(len(rows)), limit))
    return [rows[index] for index in chosen]
