"""Neighbours: other entities that a target's documents name, which the model is to keep.

Found by their capitals, which needs no model and is right for most languages that write names so. German writes every noun
with one, and other scripts have none: there 'neighbours' in data/targets.jsonl says them.
"""

from collections import Counter
from itertools import dropwhile

import regex

from pipeline.prepare.passages import split_sentences
from pipeline.prepare.targets import Target
from pipeline.segments import split_mentions

_CAPITALISED_NOUNS = ("de", "lb")
_WORD = r"\p{Lu}[\p{L}\p{M}’'-]*\p{L}"
_NAME = regex.compile(rf"\b{_WORD}(?:\s(?:(?:of|the|de|da|del|della|di|du|la|van|von|der)\s){{0,2}}{_WORD})*")


def find_neighbours(target: Target) -> tuple[str, ...]:
    """The given neighbours, then the found ones: the most often named first, then in the order of the text.

    A single word counts only where it stands inside a sentence, and a sentence's first words only if the documents never
    write them small ("In the Temple of the Sun"). What overlaps a mention of the target is left out.
    """
    found: Counter[str] = Counter()
    small = set(regex.findall(r"\b\p{Ll}+\b", " ".join(target.documents)))
    if target.language not in _CAPITALISED_NOUNS:
        for document in target.documents:
            for sentence in split_sentences(document, target.language):
                mentioned = [s.mention for s in split_mentions(sentence, target.surface_forms) for _ in s.text]
                for match in _NAME.finditer(sentence):
                    words = regex.sub(r"['’]s$", "", match.group()).split()
                    inside = bool(sentence[: match.start()].strip(" \n\"'“‘("))
                    if not inside and words[0].lower() in small:
                        inside, words = True, list(dropwhile(str.islower, words[1:]))
                    named = words and (inside or len(words) > 1)
                    if named and not any(mentioned[match.start() : match.end()]):
                        found[" ".join(words)] += 1
    by_count = sorted(found, key=lambda name: -found[name])
    return tuple(dict.fromkeys([*target.neighbours, *by_count]))
