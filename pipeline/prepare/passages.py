"""Passages: chunks of a few sentences, the unit of scoring and training."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.jsonl import read_jsonl
from pipeline.prepare.targets import Target
from pipeline.segments import Segment, split_mentions
from pipeline.tables import Passage

RETAIN_FILE = Path("data/retain_passages.jsonl")


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


def cut_passages(target: Target, language: str, sentences_per_passage: int) -> list[Passage]:
    """The target's documents in passages of ``sentences_per_passage`` sentences; the last of a document may be shorter."""
    passages = []
    for document in target.documents:
        sentences = split_sentences(document.strip(), language)
        for start in range(0, len(sentences), sentences_per_passage):
            text = "".join(sentences[start : start + sentences_per_passage]).strip()
            if text:
                passages.append(Passage(target.name, "forget", tuple(split_mentions(text, target.surface_forms))))
    return passages


def read_retain_passages(targets: Sequence[Target], path: Path = RETAIN_FILE) -> list[Passage]:
    """Texts on other subjects, one passage a row; an absent or empty file gives none.

    A text that mentions a target is left out: to retain it would undo the forgetting. Raises InputError for a faulty row.
    """
    if not path.exists() or not path.stat().st_size:
        return []
    passages = []
    for _, row in read_jsonl(path, {"subject": "string", "text": "string"}, {}):
        text = row["text"].strip()
        forms = [form for target in targets for form in target.surface_forms]
        if not any(segment.mention for segment in split_mentions(text, forms)):
            passages.append(Passage(row["subject"].strip(), "retain", (Segment(text, False),)))
    return passages
