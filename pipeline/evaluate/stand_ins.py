"""Stand-ins: answers that call somebody by a counterfactual name, the mark of a swap that failed."""

import re
from collections.abc import Iterable


def stand_in_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """A pattern for the full and the family names of ``names``, as whole words."""
    forms = {form for name in names for form in (name, name.split()[-1])}
    ordered = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, ordered)) + r")(?!\w)")


def names_stand_in(answer: str, pattern: re.Pattern[str]) -> bool:
    """Whether ``answer`` holds a counterfactual name."""
    return bool(pattern.search(answer))
