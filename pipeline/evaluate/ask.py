"""Ask a model every question: greedy answers, and the probability of the right answer among the given ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.engines.interface import Engine, open_engine
from pipeline.evaluate.consistency import self_consistency
from pipeline.evaluate.multiple_choice import Choice, Verdict, answer_tokens, judge_choices
from pipeline.evaluate.repetition import distinct_4grams
from pipeline.evaluate.rouge import rouge_l_recall
from pipeline.evaluate.stand_ins import names_stand_in, stand_in_pattern
from pipeline.params import EvaluateParams, RuntimeParams
from pipeline.progress import progress_bar
from pipeline.segments import rename, split_mentions
from pipeline.tables import CounterfactualName
from pipeline.tokenizer import answer_text, load_tokenizer, question_prefix, tokenize

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def direct_choice(question: Mapping[str, Any]) -> Choice:
    """The question as it stands, with its answers."""
    return Choice(question["question"], (question["answer"], *question["wrong_answers"]))


def paraphrased_choice(question: Mapping[str, Any]) -> Choice:
    """The question in its other words, with the same answers."""
    return Choice(question["paraphrased_question"], (question["answer"], *question["wrong_answers"]))


def renamed(text: str, name: CounterfactualName) -> str:
    """``text`` about ``name`` instead of the target."""
    return "".join(rename(split_mentions(text, name.replacements), name.replacements))


def renamed_choice(question: Mapping[str, Any], name: CounterfactualName) -> Choice:
    """The question, and its answers, about ``name`` instead of the target."""
    return Choice(renamed(question["question"], name), tuple(renamed(a, name) for a in direct_choice(question).answers))


def floor_names(names: Sequence[CounterfactualName], count: int) -> list[CounterfactualName]:
    """The last ``count`` names of a target's order, so that the floor rests on names the teacher has not used."""
    return list(names[-count:])


def ask(
    model: Path,
    questions: Sequence[dict[str, Any]],
    names: Mapping[str, Sequence[CounterfactualName]],
    params: EvaluateParams,
    runtime: RuntimeParams,
    *,
    with_floor: bool,
) -> list[dict[str, Any]]:
    """One row a question: its fields and what the model in ``model`` makes of it.

    Adds: response (greedy), rouge_l_recall (of the answer in the response), distinct_4grams, names_stand_in; probability and
    correct where there are wrong answers; paraphrased_probability where there is a paraphrase too; floor_probability on
    forget questions when ``with_floor`` (the mean over counterfactual names); self_consistency on forget questions, and
    floor_consistency (of the question about somebody invented) when ``with_floor``. What does not apply is null.
    """
    tokenizer = load_tokenizer(model)
    plans = _plan(questions, names, params, with_floor)
    prompts = [tokenize(tokenizer, question_prefix(tokenizer, q["question"]))[0] for q in questions]
    repeated = _repeated(tokenizer, questions, names, params, with_floor)
    longest = max(len(ids) for ids in [*prompts, *(one.prompt for one in repeated)]) + params.max_new_tokens
    choices = [choice for plan in plans for choice in plan.values()]
    longest = max([longest, *(len(answer_tokens(tokenizer, c.question, a)[0]) for c in choices for a in c.answers)])
    engine = open_engine(params.engine, model, runtime, longest=longest, top_k=1)
    with progress_bar(len(choices) + len(prompts), "question", "evaluate") as bar:
        verdicts = iter(_in_batches(engine, tokenizer, choices, bar.update))
        scores = [{key: next(verdicts) for key in plan} for plan in plans]
        answers = engine.generate(prompts, params.max_new_tokens)
        bar.update(len(prompts))
        consistency = _consistency(engine, tokenizer, repeated, len(questions), params)
    pattern = stand_in_pattern(name.name for drawn in names.values() for name in drawn)
    rows = []
    for question, score, ids, agree in zip(questions, scores, answers, consistency, strict=True):
        response = answer_text(tokenizer, ids)
        floors = [verdict.probability for key, verdict in score.items() if key.startswith("floor ")]
        direct, paraphrased = score.get("direct"), score.get("paraphrased")
        rows.append(
            {
                **question,
                "response": response,
                "rouge_l_recall": rouge_l_recall(question["answer"], response),
                "distinct_4grams": distinct_4grams(response),
                "names_stand_in": names_stand_in(response, pattern),
                "probability": direct.probability if direct else None,
                "correct": direct.correct if direct else None,
                "paraphrased_probability": paraphrased.probability if paraphrased else None,
                "floor_probability": sum(floors) / len(floors) if floors else None,
                **agree,
            }
        )
    return rows


def _plan(
    questions: Sequence[dict[str, Any]],
    names: Mapping[str, Sequence[CounterfactualName]],
    params: EvaluateParams,
    with_floor: bool,
) -> list[dict[str, Choice]]:
    """The multiple choices to score for each question, by what they are for."""
    plans = []
    for question in questions:
        plan = {}
        if question["wrong_answers"]:
            plan["direct"] = direct_choice(question)
            if question["paraphrased_question"]:
                plan["paraphrased"] = paraphrased_choice(question)
            if with_floor and question["split"] == "forget":
                for name in floor_names(names[question["target"]], params.floor_names):
                    plan[f"floor {name.name}"] = renamed_choice(question, name)
        plans.append(plan)
    return plans


@dataclass(frozen=True)
class _Repeated:
    """A prompt that is answered several times, for the measure ``key`` of question number ``index``."""

    index: int
    key: str
    prompt: list[int]


def _repeated(
    tokenizer: "PreTrainedTokenizerBase",
    questions: Sequence[dict[str, Any]],
    names: Mapping[str, Sequence[CounterfactualName]],
    params: EvaluateParams,
    with_floor: bool,
) -> list[_Repeated]:
    """The forget questions, and with the floor the same about somebody invented."""
    asked = []
    for index, question in enumerate(questions if params.consistency_samples else []):
        if question["split"] == "forget":
            texts = {"self_consistency": question["question"]}
            if with_floor:
                stranger = floor_names(names[question["target"]], 1)[0]
                texts["floor_consistency"] = renamed(question["question"], stranger)
            for key, text in texts.items():
                asked.append(_Repeated(index, key, tokenize(tokenizer, question_prefix(tokenizer, text))[0]))
    return asked


def _consistency(
    engine: Engine, tokenizer: "PreTrainedTokenizerBase", asked: Sequence[_Repeated], count: int, params: EvaluateParams
) -> list[dict[str, float | None]]:
    """self_consistency and floor_consistency of each of ``count`` questions; null where it is no forget question."""
    results: list[dict[str, float | None]] = [{"self_consistency": None, "floor_consistency": None} for _ in range(count)]
    if asked:
        sampled = engine.sample(
            [one.prompt for one in asked],
            params.max_new_tokens,
            answers=params.consistency_samples,
            temperature=1.0,
            seed=params.seed,
        )
        for one, answers in zip(asked, sampled, strict=True):
            texts = [answer_text(tokenizer, ids) for ids in answers]
            results[one.index][one.key] = self_consistency(texts)
    return results


def _in_batches(
    engine: Engine, tokenizer: "PreTrainedTokenizerBase", choices: Sequence[Choice], progress: Any, size: int = 64
) -> list[Verdict]:
    """Score ``choices`` some at a time, so that progress shows."""
    verdicts: list[Verdict] = []
    for start in range(0, len(choices), size):
        part = choices[start : start + size]
        verdicts += judge_choices(engine, tokenizer, part)
        progress(len(part))
    return verdicts
