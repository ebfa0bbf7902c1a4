"""WPU (Wikipedia Person Unlearn): real people, each with a Wikipedia page to forget and questions about it.

Liu, Zhang, Jaakkola, Chang: Revisiting Who's Harry Potter (2024), section 4.1.
"""

from collections.abc import Sequence

import regex

from benchmarks.sources.params import SourceParams
from benchmarks.sources.rows import QuestionRow, chosen, has_rows, origin, question_row, read_rows
from pipeline.core.errors import ParamError
from pipeline.core.jsonl import Row
from pipeline.core.validation import Text
from pipeline.prepare.passages import read_retain_passages, split_sentences
from pipeline.prepare.tables import Source
from pipeline.prepare.targets import Target
from pipeline.text.names import name_parts, surface_forms
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment, mentions

HUB_ID = "Shiyu-Lab/Wikipedia_Person_Unlearn"
_SUBSET = regex.compile(r"forget_(?:2_[1-5]|20_[1-3]|100)")
_LANGUAGE = "en"
_RETAIN_SENTENCES = 3  # of a page; the lead, which tells who its subject is
_HEADING = regex.compile(r"^=+[^=\n].*=+[ \t]*$\n?", regex.MULTILINE)
_QUALIFIER = regex.compile(r"\s*\([^()]*\)\s*$")  # "(poet)" at the end of a title
_LEAD = regex.compile(r"^(\p{Lu}[^\n]*?)(?:,? \(|, | (?:is|was|were|are) )")  # how a first sentence names its subject
_LONGEST_LEAD = 6  # words; more is no name


class TitledRow(QuestionRow):
    title: Text


class PageRow(Row):
    title: Text
    wikipage: Text


class ForgetRow(PageRow, TitledRow):
    """A question about the person of a page, with the page."""


def read_wpu(params: SourceParams) -> Source:
    """Targets with their pages, and the questions of all splits, which have no wrong answers here.

    Raises InputError for an unknown subset, a title that the subset lacks, and rows that can't be read (see ``read_rows``).
    """
    subset = params.subset
    if not _SUBSET.fullmatch(subset):
        raise ParamError(
            f"prepare.subset is {subset!r}, but WPU has forget_2_1 to forget_2_5, forget_20_1 to forget_20_3 and forget_100."
        )
    rows = read_rows(HUB_ID, subset, params.path, ForgetRow)
    pages: dict[str, dict[str, None]] = {}
    for row in rows:
        pages.setdefault(person_name(row.title), {})[without_headings(row.wikipage)] = None
    known = [page_target(name, tuple(documents)) for name, documents in pages.items()]
    targets = chosen(known, [person_name(title) for title in params.targets], subset)
    names = {target.name for target in targets}
    about: dict[str, Sequence[TitledRow]] = {
        "forget": rows,
        "hard_retain": read_rows(HUB_ID, f"{subset}_hard_retain", params.path, TitledRow),
    }
    questions = [
        question_row(split, name, row)
        for split, titled in about.items()
        for row in titled
        if (name := person_name(row.title)) in names
    ]
    general = read_rows(HUB_ID, "general_retain", params.path, QuestionRow)
    questions += [question_row("general_retain", None, row) for row in general]
    return Source(targets, known, questions, _retain_passages(params.path), origin(HUB_ID, params.path))


def person_name(title: str) -> str:
    """The name in the title of a page: "Ann Lee" for "Ann Lee (poet)" and for "Ann Lee, 2nd Countess Marle"."""
    return _QUALIFIER.sub("", title.strip()).partition(", ")[0].strip()


def without_headings(page: str) -> str:
    """``page`` without the lines that are section headings ("== Life ==")."""
    return regex.sub(r"\n{3,}", "\n\n", _HEADING.sub("", page)).strip()


def lead_name(document: str) -> str:
    """The name that the first sentence of a page gives its subject, often fuller than the title; empty where there is none."""
    match = _LEAD.match(document)
    name = match[1].strip() if match else ""
    return "" if len(name.split()) > _LONGEST_LEAD or regex.search(r"\d|^The ", name) else name


def page_target(name: str, documents: tuple[str, ...], aliases: Sequence[str] = ()) -> Target:
    """The person ``name``, called so, by the ``aliases``, and as the first sentence of each of the ``documents`` does."""
    words = name.split()
    written = list(aliases)
    for document in documents:
        lead = lead_name(document)
        written += [lead] if lead else []
        # Who is known by an assumed name is called by the first name of the other one too, before the change.
        if set(lead.split()).isdisjoint(words):
            written += [part for part in name_parts(lead)[:1] if mentions(document, (part,))]
    return Target(name, "person", surface_forms(name, "person", written), documents, language=_LANGUAGE)


def _retain_passages(path: str) -> list[Passage]:
    """The lead of every page in ``retain``; the project's own retain passages where a copy of the benchmark lacks that set."""
    if not has_rows(HUB_ID, "retain", path):
        return read_retain_passages()
    leads: dict[str, Passage] = {}
    for row in read_rows(HUB_ID, "retain", path, PageRow):
        sentences = split_sentences(without_headings(row.wikipage), _LANGUAGE)[:_RETAIN_SENTENCES]
        text = "".join(sentences).strip()
        if text:
            leads.setdefault(row.title, Passage(row.title.strip(), "retain", (Segment(text, False),)))
    return list(leads.values())
