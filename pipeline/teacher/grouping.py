"""From the sentences of a document to passages: some sentences each, or as many as it takes to exceed some tokens.

By sentences is the paper's way (three at a time); by tokens is Who's Harry Potter's (256).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from pipeline.params import TeacherParams
from pipeline.segments import Segment, text_of
from pipeline.tables import Passage
from pipeline.tokenizer import tokenize

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def group_sentences(sentences: Sequence[Passage], params: TeacherParams, tokenizer: "PreTrainedTokenizerBase") -> list[Passage]:
    """Passages of ``sentences``: neighbours of the same forget document together, chats and retain texts as they are."""
    passages: list[Passage] = []

    def key(sentence: Passage) -> tuple[str, str, int]:
        return sentence.kind, sentence.format, sentence.document

    for (kind, form, _), members in groupby(sentences, key):
        if kind == "forget" and form == "document":
            passages += [_joined(group) for group in _groups(list(members), params, tokenizer)]
        else:
            passages += members
    return passages


def _groups(
    sentences: Sequence[Passage], params: TeacherParams, tokenizer: "PreTrainedTokenizerBase"
) -> Iterator[list[Passage]]:
    group: list[Passage] = []
    for sentence in sentences:
        group.append(sentence)
        if params.tokens_per_passage:
            full = len(tokenize(tokenizer, text_of(_joined(group).segments))[0]) > params.tokens_per_passage
        else:
            full = len(group) == params.sentences_per_passage
        if full:
            yield group
            group = []
    if group:
        yield group


def _joined(group: Sequence[Passage]) -> Passage:
    """The sentences as one passage, with the white space that stood between them; neighbouring literals become one."""
    parts: list[Segment] = []
    for sentence in group:
        parts += sentence.segments
        if sentence is not group[-1] and sentence.after:
            parts.append(Segment(sentence.after, False))
    segments: list[Segment] = []
    for part in parts:
        last = segments[-1] if segments else None
        if last and not last.mention and not part.mention and last.trained == part.trained:
            segments[-1] = replace(last, text=last.text + part.text)
        else:
            segments.append(part)
    return replace(group[0], segments=tuple(segments), after=group[-1].after)
