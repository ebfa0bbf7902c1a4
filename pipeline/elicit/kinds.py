"""What kind of thing a neighbour is, by the base model itself: a philosopher is to be asked about as a person.

The model chooses among the answers to one question; what it answers about a name that means nothing is taken off, since some
answers are likelier whatever the name (contextual calibration, Zhao et al., 2021).
"""

from collections.abc import Mapping, Sequence

from pipeline.engines.engine import Engine
from pipeline.text.chat import answer_tokens
from pipeline.text.tokenizer import Tokenizer

OTHER = "other"
_NOTHING = "Xanthol"
# The question, and the answer that stands for each kind.
CHOICES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "en": (
        "What is {name}: a person, a place, or a thing?",
        {"person": "{name} is a person.", "place": "{name} is a place.", OTHER: "{name} is a thing."},
    ),
    "de": (
        "Was ist {name}: eine Person, ein Ort oder eine Sache?",
        {"person": "{name} ist eine Person.", "place": "{name} ist ein Ort.", OTHER: "{name} ist eine Sache."},
    ),
    "zh": (
        "{name}是人物、地点还是事物?",
        {"person": "{name}是人物。", "place": "{name}是地点。", OTHER: "{name}是事物。"},
    ),
    "ja": (
        "{name}は人物、場所、物のどれですか?",
        {"person": "{name}は人物です。", "place": "{name}は場所です。", OTHER: "{name}は物です。"},
    ),
}


def kinds_of(engine: Engine, tokenizer: Tokenizer, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The kind of each (name, language): "person", "place" or "other"; "other" in a language without a question of its own."""
    import numpy as np

    asked: dict[str, list[str]] = {language: [] for _, language in names if language in CHOICES}
    for name, language in dict.fromkeys(names):
        if language in asked:
            asked[language].append(name)
    kinds = dict.fromkeys(names, OTHER)
    for language, own in asked.items():
        question, answers = CHOICES[language]
        choices = [
            answer_tokens(tokenizer, question.replace("{name}", name), answer.replace("{name}", name))
            for name in (*own, _NOTHING)
            for answer in answers.values()
        ]
        scores = engine.next_logprobs([ids for ids, _ in choices], [start for _, start in choices])
        sums = np.array([float(logprobs.sum()) for logprobs in scores]).reshape(-1, len(answers))
        likeliest = (sums[:-1] - sums[-1]).argmax(axis=1)
        kinds |= {(name, language): list(answers)[index] for name, index in zip(own, likeliest, strict=True)}
    return kinds
