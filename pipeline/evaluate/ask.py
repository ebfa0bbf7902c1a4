"""Ask a model every question: greedy answers, the probability of the right answer, the agreement of sampled answers.

The probability of the right answer is one among the given ones. The log-probability of an answer is the sum over its tokens,
asked through the chat template; a softmax over the answers of one question gives the probability that the model, having to give
one of them, gives the right one. Chance is 1 / answers.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline.core.errors import ParamError
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.engine import Engine
from pipeline.engines.open import open_engine
from pipeline.evaluate.params import EvaluateParams
from pipeline.evaluate.text_measures import rouge_l_recall, says_answer, self_consistency, stand_in_pattern
from pipeline.text.chat import answer_text, answer_tokens, question_prefix
from pipeline.text.names import CounterfactualName
from pipeline.text.repetition import distinct_4grams
from pipeline.text.segments import rename, split_mentions
from pipeline.text.tokenizer import Tokenizer, load_tokenizer, tokenize

CHOICES_AT_ONCE = 64  # so that progress shows
# Measures that not every question has.
MEASURES = (
    *("probability", "correct", "paraphrased_probability", "floor_probability", "floor_spread"),
    *("self_consistency", "sampled_said", "sampled_leak", "floor_consistency", "floor_sampled_said", "floor_sampled_leak"),
)


@dataclass(frozen=True)
class Choice:
    """A question with its answers, the right one first."""

    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What a model makes of a choice."""

    probability: float  # of the right answer among the given ones
    correct: bool  # the right answer is the most probable


def ask(
    model: Path,
    questions: Sequence[Mapping[str, Any]],
    names: Mapping[str, Sequence[CounterfactualName]],
    params: EvaluateParams,
    runtime: RuntimeParams,
    *,
    with_floor: bool,
) -> list[dict[str, Any]]:
    """Each of ``questions`` (rows of questions.parquet) with what the model in ``model`` makes of it.

    Adds: response (greedy), rouge_l_recall (of the answer in the response), answer_said (whether the response has it, see
    says_answer), distinct_4grams, names_stand_in; probability and correct where there are wrong answers;
    paraphrased_probability where there is a paraphrase too; on forget questions when ``with_floor`` floor_probability (the mean
    over counterfactual names) and floor_spread (how far one of them is from the mean of the others). On forget questions, of
    sampled answers: self_consistency; sampled_said, the share that has the right answer; sampled_leak, whether one has (leak@k
    of Reisizadeh et al., 2025, for k = 1 and all of them); and the same of the question about somebody invented (floor_...)
    when ``with_floor``. What does not apply is null.
    """
    for target, drawn in names.items() if with_floor else ():
        if len(drawn) < params.floor_names:
            raise ParamError(
                f"evaluate.floor_names is {params.floor_names}, but {target!r} has {len(drawn)} counterfactual names; lower it."
            )
    tokenizer = load_tokenizer(model)

    def prompt(question: str) -> list[int]:
        return tokenize(tokenizer, question_prefix(tokenizer, question))[0]

    prompts = [prompt(question["question"]) for question in questions]
    choices: list[tuple[int, str, Choice]] = []  # to be scored: index of the question, the measure it is for, choice
    again: list[tuple[int, bool, Mapping[str, Any]]] = []  # to be answered several times: index, whether invented, question
    for index, question in enumerate(questions):
        is_forget = question["split"] == "forget"
        # The last names of a target's order, so that the floor rests on names that the teacher has not used.
        invented = names[question["target"]][-params.floor_names :] if with_floor and is_forget else []
        if question["wrong_answers"]:
            direct = direct_choice(question)
            choices.append((index, "probability", direct))
            if question["paraphrased_question"]:
                choices.append((index, "paraphrased_probability", Choice(question["paraphrased_question"], direct.answers)))
            choices += [(index, "floor_probability", renamed_choice(question, name)) for name in invented]
        if is_forget and params.consistency_samples:
            again.append((index, False, question))
            again += [(index, True, renamed_question(question, name)) for name in invented[-1:]]
    repeated = [prompt(question["question"]) for _, _, question in again]
    written = [len(ids) + params.max_new_tokens for ids in [*prompts, *repeated]]
    scored = [len(answer_tokens(tokenizer, c.question, answer)[0]) for _, _, c in choices for answer in c.answers]
    engine = open_engine(params.engine, model, runtime, longest=max([*written, *scored]))
    measures: dict[tuple[int, str], Any] = {}
    probabilities: dict[tuple[int, str], list[float]] = defaultdict(list)
    with progress_bar(len(choices) + len(prompts), "question", "evaluate") as bar:
        for start in range(0, len(choices), CHOICES_AT_ONCE):
            part = choices[start : start + CHOICES_AT_ONCE]
            verdicts = judge_choices(engine, tokenizer, [choice for _, _, choice in part])
            for (index, measure, _), verdict in zip(part, verdicts, strict=True):
                probabilities[index, measure].append(verdict.probability)
                if measure == "probability":
                    measures[index, "correct"] = verdict.correct
            bar.update(len(part))
        answers = engine.generate(prompts, params.max_new_tokens)
        bar.update(len(prompts))
        sampled = []
        if again:
            count = params.consistency_samples
            sampled = engine.sample(repeated, params.max_new_tokens, answers=count, temperature=1.0, seed=params.seed)
    measures |= {key: sum(values) / len(values) for key, values in probabilities.items()}
    measures |= {(i, "floor_spread"): _spread(values) for (i, of), values in probabilities.items() if of == "floor_probability"}
    for (index, is_invented, question), replies in zip(again, sampled, strict=True):
        texts, floor = [answer_text(tokenizer, ids) for ids in replies], "floor_" * is_invented
        said = [_says(question, text) for text in texts]
        measures[index, "floor_consistency" if is_invented else "self_consistency"] = self_consistency(texts)
        measures[index, f"{floor}sampled_said"] = sum(said) / len(said)
        measures[index, f"{floor}sampled_leak"] = float(any(said))
    stand_ins = stand_in_pattern(name for drawn in names.values() for name in drawn)
    rows = []
    for index, (question, ids) in enumerate(zip(questions, answers, strict=True)):
        response = answer_text(tokenizer, ids)
        row = {
            **question,
            "response": response,
            "rouge_l_recall": rouge_l_recall(question["answer"], response),
            "answer_said": _says(question, response),
            "distinct_4grams": distinct_4grams(response),
            "names_stand_in": bool(stand_ins.search(response)),
        }
        rows.append(row | {measure: measures.get((index, measure)) for measure in MEASURES})
    return rows


def _spread(values: list[float]) -> float | None:
    """Mean distance of each of ``values`` from the mean of the others; None for a single one."""
    if len(values) < 2:
        return None
    return fmean(abs(value - fmean(values[:at] + values[at + 1 :])) for at, value in enumerate(values))


def _says(question: Mapping[str, Any], response: str) -> bool:
    return says_answer(question["question"], question["answer"], question["wrong_answers"] or (), response)


def direct_choice(question: Mapping[str, Any]) -> Choice:
    """A row of questions.parquet as it stands, with its answers."""
    return Choice(question["question"], (question["answer"], *question["wrong_answers"]))


def renamed_choice(question: Mapping[str, Any], name: CounterfactualName) -> Choice:
    """The same, question and answers, about ``name`` instead of the target."""
    return direct_choice(renamed_question(question, name))


def renamed_question(question: Mapping[str, Any], name: CounterfactualName) -> dict[str, Any]:
    """Question and answers about ``name`` instead of the target."""
    wrong = question["wrong_answers"] and [renamed(answer, name) for answer in question["wrong_answers"]]
    texts = {key: renamed(question[key], name) for key in ("question", "answer")}
    return {**texts, "wrong_answers": wrong}


def renamed(text: str, name: CounterfactualName) -> str:
    """``text`` about ``name`` instead of the target."""
    return "".join(rename(split_mentions(text, name.replacements), name.replacements))


def judge_choices(engine: Engine, tokenizer: Tokenizer, choices: Sequence[Choice]) -> list[Verdict]:
    """The model's verdict on each of ``choices``, all scored in one batch."""
    import numpy as np

    asked = [answer_tokens(tokenizer, choice.question, answer) for choice in choices for answer in choice.answers]
    scores = engine.next_logprobs([ids for ids, _ in asked], [start for _, start in asked])
    sums = iter([float(logprobs.sum()) for logprobs in scores])
    verdicts = []
    for choice in choices:
        logprobs = np.array([next(sums) for _ in choice.answers])
        masses = np.exp(logprobs - logprobs.max())
        verdicts.append(Verdict(float(masses[0] / masses.sum()), int(masses.argmax()) == 0))
    return verdicts
