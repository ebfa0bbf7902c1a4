"""The forms of a target beside the texts that were read: what else each may mean, how often it stands there, what it costs.

A form that is passed over teaches the model to keep what it knows, and one that is too common renames others and empties what
is to be kept; so that ``prepare`` prints all of this.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import regex

from pipeline.core.errors import InputError
from pipeline.prepare.passages import CAPITALISED_NOUNS, split_sentences
from pipeline.prepare.targets import Target
from pipeline.text.forms import ANYWHERE, MONTHS_AND_DAYS, NAME, TITLE, WORD, Form, is_title
from pipeline.text.names import parts_of
from pipeline.text.segments import split_mentions, whole_words
from pipeline.text.writing import folded, is_cased, other_writings

Removed = Mapping[tuple[str, str], tuple[int, int]]  # (target, form) to retain passages and questions left out for it
# Words that begin sentences, whatever the texts read happen to hold.
_COMMON = (
    *("art", "bill", "chase", "dawn", "drew", "faith", "frank", "grace", "hope", "joy"),
    *("mark", "may", "pat", "rich", "rob", "rose", "sue", "will"),
)
_FEW = 3  # passages or questions; to lose fewer of them is no sign of a form that is too common
_SHOWN = 3  # near forms
_LONGEST = 70  # characters shown of a sentence
_SHORTEST_NEAR = 5  # letters; a shorter word is near too many others


def with_cares(target: Target, texts: Sequence[str]) -> Target:
    """``target`` with the writings of its forms that ``texts`` hold, and with what else a part of a person's name may mean.

    A word that is written small in ``texts`` as often as with a capital inside a sentence is a common one. The user's own
    ``surface_forms`` are taken at their word, but for a given name that goes on to another family name.
    """
    found = dict(other_writings(texts, target.surface_forms, target.derived()))
    forms = {form: _care(target, form, texts) for form in target.surface_forms}
    # In capitals nothing tells a name from a word.
    forms |= {other: forms[form] for other, form in found.items() if not (other.isupper() and forms[form] in (TITLE, WORD))}
    ordered = sorted(forms, key=lambda form: (-len(form), form))
    return replace(target, surface_forms=tuple(Form(form, forms[form]) for form in ordered))


def _care(target: Target, form: str, texts: Sequence[str]) -> str:
    if target.kind != "person" or not is_cased(form):
        return ANYWHERE
    parts = parts_of(target.name, target.family_name)
    bare = " ".join(word for word in form.split() if not is_title(word)) or form
    given = folded(bare) == folded(" ".join(parts.of("given")))
    if form not in target.listed and " " not in form and (given or form in parts.words):
        if is_title(form):
            return TITLE
        if _is_common(form, texts):
            return WORD
    return NAME if given and target.language not in CAPITALISED_NOUNS else ANYWHERE


def _is_common(word: str, texts: Sequence[str]) -> bool:
    small = word.lower()
    if small in _COMMON or small in MONTHS_AND_DAYS:
        return True
    inside = regex.compile(rf"(?<=[\p{{Ll}}\p{{N}},;)]\s)(?:{whole_words([word])})")
    counts = [sum(len(pattern.findall(text)) for text in texts) for pattern in (regex.compile(whole_words([small])), inside)]
    return counts[0] > 0 and counts[0] >= counts[1]


def removed_by(targets: Sequence[Target], passages: Sequence[str], questions: Sequence[str], place: str, cure: str) -> Removed:
    """How many of the retain ``passages`` and general ``questions`` each form of ``targets`` leaves out.

    Raises InputError where one form takes more than half of either: it is a word of the texts, not a name. ``place`` is where
    the targets come from, ``cure`` what can be done about them there.
    """
    removed: dict[tuple[str, str], tuple[int, int]] = {}
    for target in targets:
        counts = [Counter(form for text in texts for form in set(_found(text, target))) for texts in (passages, questions)]
        for what, texts, count in zip(("retain passages", "general questions"), (passages, questions), counts, strict=True):
            for form, number in count.most_common(1):
                if number >= _FEW and 2 * number > len(texts):
                    raise InputError(
                        f"{place}: the form {form!r} of {target.name!r} stands in {number} of the {len(texts)} "
                        f"{what}, which would all be left out; {cure}, or retain texts on other subjects."
                    )
        for form in target.surface_forms:
            if any(count[form] for count in counts):
                removed[target.name, form] = (counts[0][form], counts[1][form])
    return removed


def _found(text: str, target: Target) -> list[str]:
    return [segment.text for segment in split_mentions(text, target.surface_forms) if segment.mention]


def describe(target: Target, asked: Sequence[str], removed: Removed) -> Iterator[str]:
    """Lines on ``target``: its forms with their counts, what they leave out, and where a near form was not taken.

    ``asked``: its forget questions.
    """
    chats = ["\n".join(chat) for chat in target.chats]
    places = [[*target.documents, *target.held_out_documents], chats, asked]
    counts = [Counter(form for text in texts for form in _found(text, target)) for texts in places]
    seen = {
        form: "/".join(str(count[form]) for count in counts) for form in target.surface_forms if any(c[form] for c in counts)
    }
    order = sorted(seen, key=lambda form: -sum(count[form] for count in counts))
    absent = [form for form in target.surface_forms if form not in seen]
    line = f"{target.name}, in documents/chats/questions: " + ", ".join(f"{form} {seen[form]}" for form in order)
    yield line + (f"; never {', '.join(absent)}" if absent else "")
    left_out = [
        f"{form} {passages} retain passages and {questions} general questions"
        for (name, form), (passages, questions) in removed.items()
        if name == target.name
    ]
    if left_out:
        yield f"  left out for {', '.join(left_out)}"
    near = list(near_forms([text for texts in places for text in texts], target))
    if near:
        more = f" … and {len(near) - _SHOWN} more" if len(near) > _SHOWN else ""
        shown = "; ".join(f"{word} in “{sentence}”" for word, sentence in near[:_SHOWN])
        yield f"  not taken for it (add to 'surface_forms' what is): {shown}{more}"


def near_forms(texts: Iterable[str], target: Target) -> Iterator[tuple[str, str]]:
    """(word, sentence) wherever a text holds a form of ``target`` that is no mention there, or a word almost like one.

    Almost like: with a few letters more, or with one letter wrong. Words written small are other words.
    """
    words = {word for form in target.surface_forms for word in form.split() if is_cased(word) and not word.islower()}
    single = [form for form in target.surface_forms if " " not in form and is_cased(form)]
    long = [folded(word) for word in words & set(single) if len(word) >= _SHORTEST_NEAR]
    if not single:
        return
    almost = regex.compile(
        "|".join(rf"(?:(?:{regex.escape(word)}){{e<=1}}|{regex.escape(word)}\p{{L}}{{1,4}})" for word in long)
    )
    seen = set()
    for text in texts:
        for sentence in split_sentences(text, target.language):
            rest = "\n".join(segment.text for segment in split_mentions(sentence, target.surface_forms) if not segment.mention)
            for word in regex.findall(r"\p{Lu}[\p{L}\p{M}’'-]*\p{L}", rest):
                bare = regex.sub(r"['’]s$", "", word)
                if (bare in single or (long and almost.fullmatch(folded(bare)))) and (bare, sentence) not in seen:
                    seen.add((bare, sentence))
                    yield bare, _around(sentence.strip(), bare)


def _around(sentence: str, word: str) -> str:
    """At most _LONGEST characters of ``sentence``, with ``word`` among them."""
    start = max(0, sentence.find(word) - _LONGEST // 2)
    cut = " ".join(sentence[start : start + _LONGEST].split())
    return ("…" if start else "") + cut + ("…" if start + _LONGEST < len(sentence) else "")
