"""Stand-ins: answers that call somebody by a counterfactual name, the mark of a swap that failed."""

from collections.abc import Iterable

import regex

from pipeline.segments import whole_words


def stand_in_pattern(names: Iterable[str]) -> "regex.Pattern[str]":
    """A pattern for the full and the family names of ``names``, as whole words."""
    forms = {form for name in names for form in (name, name.split()[-1])}
    return regex.compile(whole_words(forms) or r"(?!)")


def names_stand_in(answer: str, pattern: "regex.Pattern[str]") -> bool:
    """Whether ``answer`` holds a counterfactual name."""
    return bool(pattern.search(answer))
