"""What an evaluation comes to in plain words: forgotten or not, kept or not, of all and of each person.

The rules stand here once, as code and as the sentences RULES; terminal, model card and report say no others. They are about
the 95 % interval, never about the number alone: what the questions can't tell is said to be untold.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pipeline.evaluate.params import EvaluateParams
from pipeline.evaluate.statistics import Array, estimate, forgotten, kept, resampled_mean, resamples
from pipeline.prepare.tables import SPLITS

Rows = Sequence[Mapping[str, Any]]


def percent(share: float) -> str:
    """``share`` of 1 as a reader sees it."""
    return f"{round(100 * share)} %"


Verdict = Literal["yes", "no", "too far", "not told", "nothing known"]
AT, AROUND = 0.10, 0.25  # of the way from base to floor, on either side of the floor
KEPT = 0.90  # of the base's probability, and of what its free answers have of the right ones
FEWEST = 5  # questions; an interval over fewer says nothing
KINDS = {"forget": "forgotten", "hard_retain": "kept_hard_retain", "general_retain": "kept_general_retain"}
RULES = {
    "forgotten": (
        "0 % is the model as it was. 100 % is the floor: how likely it finds the right answer, among those given, about "
        "somebody or something invented, which it can't know. Yes: the interval holds 100 % and stays within "
        f"{percent(AROUND)} of it on either side, or lies wholly within {percent(AT)}. No: all of it is below that. Too far: "
        "all of it is above, so that right answers are avoided, which tells of them too. Else the questions can't tell, "
        f"nor can fewer than {FEWEST}, nor any where the model as it was is not surely above the floor."
    ),
    "kept": (
        "100 % is how likely the model as it was finds the right answer among those given. Yes: the whole interval is at "
        f"{percent(KEPT)} or more. No: all of it is below, or that of how much of the right answers free answers have (ROUGE-L "
        f"recall) is, whatever the model would choose. Else the questions can't tell, nor can fewer than {FEWEST}."
    ),
}
_SHORT = {"yes": "Yes", "no": "No", "too far": "Too far", "not told": "Can't be told", "nothing known": "Can't be told"}


def findings(base: Rows, student: Rows, params: EvaluateParams) -> dict[str, Any]:
    """{"forgotten", "kept_hard_retain", "kept_general_retain", "people": [{"person", "said", the first two}]}, from answers.

    A finding is {"verdict", "questions", "people", "base", "student"}, "floor" of the forgotten, and "mean", "low", "high" of
    the share where there is one; of what is kept also "free_answers", the share of the base's ROUGE-L recall. Where no question
    has wrong answers there is no finding. ``said``: how many of the person's "questions" the "base" and the "student" answer
    rightly in their own words. Rows of both models are in the same order, and are resampled together.
    """
    pairs = list(zip(base, student, strict=True))

    def of(person: str | None = None) -> dict[str, Any]:
        found = {}
        for split in SPLITS:
            own = [pair for pair in pairs if pair[0]["split"] == split and pair[0]["probability"] is not None]
            if own := [pair for pair in own if person in (None, pair[0]["target"])]:
                found[KINDS[split]] = _finding(split, own, params)
        return found

    def said(person: str) -> dict[str, int]:
        own = [pair for pair in pairs if pair[0]["split"] == "forget" and pair[0]["target"] == person]
        counts = {who: sum(pair[place]["answer_said"] for pair in own) for place, who in enumerate(("base", "student"))}
        return {"questions": len(own), **counts}

    people = dict.fromkeys(row["target"] for row in base if row["split"] == "forget")
    return {**of(), "people": [{"person": person, "said": said(person), **of(person)} for person in people]}


def _finding(split: str, pairs: Sequence[tuple[Mapping[str, Any], ...]], params: EvaluateParams) -> dict[str, Any]:
    base, student = zip(*pairs, strict=True)
    people = [row["target"] for row in base]
    counts = resamples(people, params.bootstrap_samples, params.seed)

    def mean(rows: Rows, column: str) -> Array:
        return resampled_mean([row[column] for row in rows], counts)

    before, after = mean(base, "probability"), mean(student, "probability")
    found: dict[str, Any] = {"questions": len(base), "people": len({*people} - {None})}
    means = {"base": before, "student": after}
    if split == "forget":
        means["floor"] = floor = mean(base, "floor_probability")
        share, known = forgotten(after, before, floor), estimate(before - floor)["low"] > 0
    else:
        share, known = kept(after, before), True
    found |= {key: round(float(value[0]), 4) for key, value in means.items()}
    if share[0] != share[0]:
        return {"verdict": "nothing known", **found}
    span = _span(share)
    if split == "forget":
        verdict = forgotten_verdict(span["low"], span["high"])
    else:
        free = kept(mean(student, "rouge_l_recall"), mean(base, "rouge_l_recall"))
        found |= {} if free[0] != free[0] else {"free_answers": _span(free)}
        verdict = kept_verdict(span["low"], span["high"], found.get("free_answers", span)["high"])
    verdict = verdict if len(base) >= FEWEST else "not told"
    return {"verdict": verdict if known else "nothing known", **found, **span}


def _span(statistic: Array) -> dict[str, float]:
    return {key: round(value, 4) for key, value in estimate(statistic).items()}


def forgotten_verdict(low: float, high: float) -> Verdict:
    """By the interval of the share of the way from base to floor. See RULES."""
    if low <= 1 <= high:
        return "yes" if low >= 1 - AROUND and high <= 1 + AROUND else "not told"
    if low >= 1 - AT and high <= 1 + AT:
        return "yes"
    return "no" if high < 1 else "too far"


def kept_verdict(low: float, high: float, free_high: float) -> Verdict:
    """By the interval of the student's probability over the base's, and the end of that of free answers. See RULES."""
    return "no" if min(high, free_high) < KEPT else "yes" if low >= KEPT else "not told"


def ratios(found: Mapping[str, Any]) -> dict[str, float]:
    """{"forgotten_low", "forgotten_high", "kept_hard_retain_low", ...}: the intervals in ``found``."""
    spans = {key: found[key] for key in KINDS.values() if "low" in found.get(key, {})}
    return {f"{key}_{end}": span[end] for key, span in spans.items() for end in ("low", "high")}


def in_words(kind: str, finding: Mapping[str, Any]) -> tuple[str, str]:
    """The answer to "forgotten?" or "kept?" in a word or two, and the sentence that says what it rests on."""
    verdict = finding["verdict"]
    short = _SHORT[verdict]
    if verdict == "nothing known":
        return short, "The model as it was knows no more of this than of somebody invented, so nothing could be seen to go."
    if finding["questions"] < FEWEST:
        return short, f"Fewer than {FEWEST} questions tell nothing."
    number = _interval(finding)
    if kind != "forgotten" and verdict == "no" and finding["high"] >= KEPT:
        free = _interval(finding["free_answers"])
        return short, f"{number} of what the model knew is kept where it has to choose, but {free} in free answers."
    if kind != "forgotten":
        end = f" Whether {percent(KEPT)} is kept, these questions can't tell; more would." if verdict == "not told" else ""
        return short, f"{number} of what the model knew is kept.{end}"
    if verdict == "no" and finding["low"] > 0:
        short = "Not all of it"
    ends = {
        "too far": " It avoids the right answers, which tells of them too.",
        "not told": " Whether that is all of it, these questions can't tell; more would.",
    }
    return short, f"{number} of the way to a model that never knew them.{ends.get(verdict, '')}"


def _interval(span: Mapping[str, float]) -> str:
    return f"{percent(span['mean'])} (95 % interval {percent(span['low'])} to {percent(span['high'])})"


def basis(kind: str, finding: Mapping[str, Any]) -> str:
    """How much a finding rests on."""

    def counted(number: int, word: str) -> str:
        return f"{number} {word}{'s' if number != 1 else ''}"

    about = {"forgotten": "about", "kept_hard_retain": "about what is near"}.get(kind)
    return counted(finding["questions"], "question") + (f" {about} {counted(finding['people'], 'subject')}" if about else "")


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The verdict for the terminal and the model card, a line a finding."""
    names = {"forgotten": "Forgotten", "kept_hard_retain": "Neighbours kept", "kept_general_retain": "All else kept"}
    for kind, name in names.items():
        if kind in found:
            short, sentence = in_words(kind, found[kind])
            yield f"{name}? {short}. {sentence} {basis(kind, found[kind])}."
