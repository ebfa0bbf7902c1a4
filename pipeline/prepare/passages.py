"""The user's texts as ordered segments: documents sentence by sentence, chats as question and answer, retain passages.

And what the documents name beside their target: its neighbours, which the model is to keep.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, count, dropwhile, pairwise
from pathlib import Path

import regex

from pipeline.core.jsonl import Row, read_jsonl
from pipeline.core.validation import Text
from pipeline.prepare.targets import Target
from pipeline.text.names import DOTS, main_script
from pipeline.text.passages import Passage, chat_passage
from pipeline.text.segments import Segment, mentions, split_mentions, text_of

RETAIN_FILE = Path("data/retain_passages.jsonl")
# How a name is pronounced, and how it is written elsewhere: read, but not learnt, as the paper does (Liu et al. 2024, app. A).
_PHONETIC = r"\u0250-\u02af\u02c8\u02cc\u02d0"
_FOREIGN = r"(?:[^\P{L}\p{Latin}\p{Common}][\p{M}\p{Lm}]*)+"  # letters of another script, with their vowel signs
_UNTRAINED = regex.compile(
    rf"(\[[^\[\]\n]*[{_PHONETIC}][^\[\]\n]*\]|/[^/\n]*[{_PHONETIC}][^/\n]*/|{_FOREIGN}(?:[\s{DOTS}'’-]+{_FOREIGN})*)"
)
_AFTER_FULL_STOP = regex.compile(r"(?<=[。！？｡][”’」』）》]?)[\p{N}\p{Ll}]")
_NOT_QUOTED = r"(?![^“「『（《”」』）》]{0,200}[”」』）》])"  # else a quotation is open
_BLOCK = regex.compile(rf".{{2000,}}?[。！？｡]+[”’」』）》]*\s*{_NOT_QUOTED}|.+", regex.DOTALL)
CAPITALISED_NOUNS = ("de", "lb")  # languages
_WORD = r"\p{Lu}[\p{L}\p{M}’'-]*\p{L}"
_NAME = regex.compile(rf"\b{_WORD}(?:\s(?:(?:of|the|de|da|del|della|di|du|la|van|von|der)\s){{0,2}}{_WORD})*")


class RetainRow(Row):
    subject: Text
    text: Text


def split_sentences(text: str, language: str) -> list[str]:
    """Sentences of ``text``, with the spaces and newlines that follow them; joined they are ``text``.

    After a full stop of Chinese or Japanese, which no space follows, a numeral begins a sentence as any character does;
    sentencex, which takes it for that of "3.5", is shown another one in its place. It is shown some thousand characters at a
    time too, since its time grows with the square of a Chinese paragraph's length.
    """
    from sentencex import segment

    blocks = _BLOCK.findall(_AFTER_FULL_STOP.sub("一", text))
    ends = accumulate((len(shown) for block in blocks for shown in segment(language, block)), initial=0)
    sentences: list[str] = []
    for piece in (text[begin:end] for begin, end in pairwise(ends)):
        if piece.strip() or not sentences:
            sentences.append(piece)
        else:
            sentences[-1] += piece
    return sentences


def cut_document(target: Target, document: str, number: int) -> Iterator[Passage]:
    """The sentences of ``document``, each a passage; no sentence ends inside a mention."""
    text = document.strip()
    segments = _with_untrained(split_mentions(text, target.surface_forms), text)
    *starts, _ = accumulate((len(segment.text) for segment in segments), initial=0)

    def is_inside(at: int) -> bool:
        segment, start = segments[bisect_right(starts, at) - 1], starts[bisect_right(starts, at) - 1]
        return segment.mention and start < at < start + len(segment.text)

    ends = accumulate(map(len, split_sentences(text, target.language)), initial=0)
    for begin, end in pairwise(at for at in ends if not is_inside(at)):
        stop = begin + len(text[begin:end].rstrip())
        own = range(bisect_right(starts, begin) - 1, bisect_left(starts, stop))
        parts = [
            replace(segments[index], text=segments[index].text[max(begin - starts[index], 0) : stop - starts[index]])
            for index in own
        ]
        if stop > begin:
            yield Passage(target.name, "forget", tuple(parts), document=number, after=text[stop:end])


def _with_untrained(segments: Sequence[Segment], text: str) -> list[Segment]:
    """In a text of Latin script, pronunciations and words of other scripts as segments that are not trained."""
    if main_script(text) != "Latin":
        return list(segments)
    result: list[Segment] = []
    for segment in segments:
        pieces = [segment.text] if segment.mention else _UNTRAINED.split(segment.text)
        result += [Segment(piece, segment.mention, trained=index % 2 == 0) for index, piece in enumerate(pieces) if piece]
    return result


def forget_passages(targets: Sequence[Target]) -> list[Passage]:
    """The sentences of every target's documents, then its chats. Documents are numbered over all targets."""
    passages: list[Passage] = []
    numbers = count()
    for target in targets:
        for document in target.documents:
            passages += cut_document(target, document, next(numbers))
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


def read_retain_passages(path: Path = RETAIN_FILE) -> list[Passage]:
    """Texts on other subjects, one passage a row; an absent or empty file gives none. Raises InputError for a faulty row."""
    if not path.is_symlink() and (not path.exists() or (path.is_file() and not path.stat().st_size)):
        return []
    rows = [row for _, row in read_jsonl(path, RetainRow)]
    return [Passage(row.subject.strip(), "retain", (Segment(row.text.strip(), False),)) for row in rows]


def without_mentions(passages: Sequence[Passage], targets: Sequence[Target]) -> list[Passage]:
    """Those of ``passages`` that mention none of ``targets``: to retain the others would undo the forgetting."""
    forms = [form for target in targets for form in target.surface_forms]
    return [p for p in passages if not mentions(text_of((*p.question, *p.segments)), forms)]


def find_neighbours(target: Target) -> tuple[str, ...]:
    """The given neighbours, then those that the documents name."""
    return tuple(dict.fromkeys([*target.neighbours, *names_in(target.documents, target.language, target.surface_forms)]))


def names_in(texts: Sequence[str], language: str, forms: Sequence[str]) -> list[str]:
    """What ``texts`` name: the most often named first, then in the order of the texts.

    A single word counts only where it stands inside a sentence, and a sentence's first words only if the texts never write
    them small ("In the Temple of the Sun"). What overlaps one of ``forms`` is left out. Capitals need no model and are right
    for most languages; where every noun has one, or a script has none, nothing is found.
    """
    found: Counter[str] = Counter()
    small = set(regex.findall(r"\b\p{Ll}+\b", " ".join(texts)))
    for text in () if language in CAPITALISED_NOUNS else texts:
        for sentence in split_sentences(text, language):
            mentioned = [s.mention for s in split_mentions(sentence, forms) for _ in s.text]
            for match in _NAME.finditer(sentence):
                words = regex.sub(r"['’]s$", "", match.group()).split()
                inside = bool(sentence[: match.start()].strip(" \n\"'“‘("))
                if not inside and words[0].lower() in small:
                    inside, words = True, list(dropwhile(str.islower, words[1:]))
                named = words and (inside or len(words) > 1)
                if named and not any(mentioned[match.start() : match.end()]):
                    found[" ".join(words)] += 1
    return sorted(found, key=lambda name: -found[name])
