"""What the teacher teaches: the user's texts, what was elicited, or both; and sentences put together to passages.

By sentences is the paper's way (three at a time); by tokens is Who's Harry Potter's (256).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle, groupby, pairwise
from pathlib import Path

from pipeline.teacher.params import TeacherParams
from pipeline.text.passages import Passage, stream_passages
from pipeline.text.segments import Segment, text_of
from pipeline.text.tokenizer import Tokenizer, tokenize


class PassageSource:
    """The passages to teach, read from their files anew at each iteration: forget ones of ``forget_from``, then retain ones.

    Given ones come before elicited ones. What no parameter names is not read, and need not be there.
    """

    def __init__(self, params: TeacherParams, prepared: Path, elicited: Path) -> None:
        self._folders = {"given": prepared, "elicited": elicited}
        self._wanted = (("forget", params.forget_from), ("retain", params.retain_from))

    def __iter__(self) -> Iterator[Passage]:
        for kind, sources in self._wanted:
            for source, folder in self._folders.items():
                if source in sources:
                    yield from (passage for passage in stream_passages(folder) if passage.kind == kind)


def in_order(passages: Iterable[Passage], params: TeacherParams, tokenizer: Tokenizer) -> Iterator[tuple[Passage, str]]:
    """Every passage with the prompt that it is read after; the place here is its number in the shards.

    Each forget document after each prompt, chats once (their question takes a prompt's place), each retain document after one
    of the prompts in turn. All documents after one prompt come together, since under one name they begin alike. ``passages``
    are gone through once for each prompt and twice more.
    """
    prompts = params.prompts or ("",)

    def of(kind: str, *formats: str) -> Iterator[Passage]:
        chosen = (passage for passage in passages if passage.kind == kind and passage.format in formats)
        return group_sentences(chosen, params, tokenizer)

    for prompt in prompts:
        yield from ((passage, prompt) for passage in of("forget", "document"))
    yield from ((passage, "") for passage in of("forget", "chat"))
    yield from zip(of("retain", "document", "chat"), cycle(prompts))


def group_sentences(sentences: Iterable[Passage], params: TeacherParams, tokenizer: Tokenizer) -> Iterator[Passage]:
    """Passages of ``sentences``: neighbours of the same forget document together, chats and retain texts as they are."""
    for (kind, form, _), members in groupby(sentences, lambda s: (s.kind, s.format, s.document)):
        if kind == "forget" and form == "document":
            yield from _groups(members, params, tokenizer)
        else:
            yield from members


def _groups(sentences: Iterable[Passage], params: TeacherParams, tokenizer: Tokenizer) -> Iterator[Passage]:
    group: list[Passage] = []
    for sentence in sentences:
        group.append(sentence)
        if params.tokens_per_passage:
            full = len(tokenize(tokenizer, text_of(_joined(group).segments))[0]) > params.tokens_per_passage
        else:
            full = len(group) == params.sentences_per_passage
        if full:
            yield _joined(group)
            group = []
    if group:
        yield _joined(group)


def _joined(group: Sequence[Passage]) -> Passage:
    """The sentences as one passage, with the white space that stood between them; neighbouring literals become one."""
    parts = [*group[0].segments]
    for before, sentence in pairwise(group):
        parts += [Segment(before.after, False), *sentence.segments]
    segments: list[Segment] = []
    for part in parts:
        last = segments[-1] if segments else None
        if last and not last.mention and not part.mention and last.trained == part.trained:
            segments[-1] = replace(last, text=last.text + part.text)
        elif part.text:
            segments.append(part)
    return replace(group[0], segments=tuple(segments), after=group[-1].after)
