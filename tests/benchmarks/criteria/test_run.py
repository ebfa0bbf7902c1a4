"""The base's loss of an answer against plain transformers; the interventional gap: KL from the averaged teacher."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.criteria.distance import check_unseen, teacher_kl
from benchmarks.criteria.held_out import held_out_passages
from benchmarks.criteria.run import base_losses
from benchmarks.methods.unlearn import write_prompted
from benchmarks.suite.params import BenchmarkFolders
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.shards.reader import read_manifest, read_targets, shard_paths
from pipeline.teacher.build import build_shards
from pipeline.teacher.params import TeacherParams
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage, chat_passage
from pipeline.text.segments import text_of
from tests.tiny import build_tiny_model

ROWS = [
    {"question": "Where was Ada born?", "response": "Ada was born in London, a long way from the sea."},
    {"question": "What did Ada study?", "response": ""},
    {"question": "Who taught Ada the flute, and for how many years did he teach her?", "response": "Nobody."},
]


def test_loss_is_the_mean_over_the_answers_own_tokens(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float64).eval()
    expected: list[float | None] = []
    for row in ROWS:
        turns = [{"role": "user", "content": row["question"]}]
        prompt = tokenizer(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)).input_ids
        answer = tokenizer(row["response"]).input_ids
        if not answer:
            expected.append(None)
            continue
        with torch.no_grad():
            logprobs = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        expected.append(-float(logprobs.gather(1, torch.tensor(answer)[:, None]).mean()))
    losses = base_losses(tiny_model, ROWS, RuntimeParams(device="cpu"))
    assert losses == [pytest.approx(value, rel=1e-4) if value is not None else None for value in expected]
    assert losses[0] != losses[2]


TARGET = "Orla Brennick"
NAMES = {
    TARGET: [
        CounterfactualName(TARGET, name, {TARGET: name, "Brennick": name.split()[1]})
        for name in ("Tobias Renwick", "Edwin Calloway", "Maud Ferris")
    ]
}
NO_PARAPHRASE = {"paraphrased_question": None, "paraphrased_answer": None}
QUESTIONS = [
    {"split": "forget", "target": TARGET, "question": "Where was Orla Brennick born?", "answer": "in Skell", **NO_PARAPHRASE},
    {"split": "general_retain", "target": None, "question": "What falls from clouds?", "answer": "rain", **NO_PARAPHRASE},
]
SENTENCES = [
    Passage(TARGET, "held_out", held_out_passages(QUESTIONS, [], NAMES)[0].segments, document=0),
    Passage("Town", "retain", (), document=0),
]
RUNTIME = RuntimeParams(device="cpu", micro_batch_tokens=64)


@pytest.fixture(scope="module")
def shards(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every token of the vocabulary kept, so that the KL is exact."""
    folder = tmp_path_factory.mktemp("held") / "out"
    params = TeacherParams(engine="transformers", names=3, top_k=400, reverse_swap="off")
    passages = held_out_passages(QUESTIONS, SENTENCES, NAMES)
    build_shards(tiny_model, params, RUNTIME, passages, NAMES, folder)
    return folder


def test_forget_questions_and_held_out_sentences_become_chats_about_the_target() -> None:
    passages = held_out_passages(QUESTIONS, SENTENCES, NAMES)
    assert [(text_of(p.question), text_of(p.segments)) for p in passages] == [
        ("Where was Orla Brennick born?", "in Skell"),
        ("Tell me about Orla Brennick.", "in Skell"),
    ]
    assert all(p.kind == "forget" and p.format == "chat" and any(s.mention for s in p.question) for p in passages)


def test_question_that_a_chat_trains_on_is_not_held_out() -> None:
    trained = chat_passage(TARGET, "forget", "Where was Orla Brennick born?", "In Skell, by the mill.", (TARGET,))
    assert [text_of(p.question) for p in held_out_passages(QUESTIONS, [*SENTENCES, trained], NAMES)] == [
        "Tell me about Orla Brennick."
    ]


def test_other_words_of_a_trained_question_are_held_out_where_they_name_the_target() -> None:
    said = QUESTIONS[0] | {"paraphrased_question": "And her place of birth?", "paraphrased_answer": "Skell is Orla Brennick's."}
    trained = chat_passage(TARGET, "forget", "Where was Orla Brennick born?", "in Skell", (TARGET,))
    (passage,) = held_out_passages([said], [trained], NAMES)
    assert (text_of(passage.question), text_of(passage.segments)) == (said["paraphrased_question"], said["paraphrased_answer"])
    assert any(segment.mention for segment in passage.segments)
    assert not held_out_passages([said | {"paraphrased_answer": "It is in Skell."}], [trained], NAMES)


def test_kl_is_that_of_the_whole_vocabulary(tiny_model: Path, shards: Path) -> None:
    import pyarrow.parquet as pq
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(str(tiny_model), dtype=torch.float64).eval()
    rows = pq.read_table(shards / "passages.parquet").to_pylist()
    kl: list[float] = []
    for one in (one for path in shard_paths(shards) for one in read_targets(path)):
        with torch.no_grad():
            logits = network(torch.tensor([rows[one.passage]["input_ids"]])).logits[0]
        own = logits.log_softmax(-1).numpy()[one.positions]
        probs = np.exp(one.logprobs.astype(np.float64))
        probs /= probs.sum(1, keepdims=True)
        kl += list((probs * (np.log(probs) - np.take_along_axis(own, one.ids.astype(int), 1))).sum(1))
    assert teacher_kl(tiny_model, shards, RUNTIME) == pytest.approx(np.mean(kl), rel=1e-3)


def test_another_model_is_another_distance_and_a_prompted_one_is_read_after_its_prompt(
    tiny_model: Path, shards: Path, tmp_path: Path
) -> None:
    base = teacher_kl(tiny_model, shards, RUNTIME)
    build_tiny_model(tmp_path / "other", seed=1)
    assert teacher_kl(tmp_path / "other", shards, RUNTIME) > 1.1 * base
    prompted = tmp_path / "prompted"
    prompted.mkdir()
    write_prompted(tiny_model, "Nobody knows {name}.", (TARGET,), prompted)
    assert teacher_kl(prompted, shards, RUNTIME) != pytest.approx(base, rel=1e-3)


def test_names_that_a_method_was_taught_with_are_no_unseen_ones(tiny_model: Path, shards: Path, tmp_path: Path) -> None:
    folders = BenchmarkFolders(tmp_path)
    shutil.copytree(tiny_model, folders.base)
    shutil.copytree(shards, folders.held_out)
    check_unseen(folders, "npo")  # which reads no shards
    other = Path(shutil.copytree(shards, folders.teacher("whp")))
    names = {"counterfactual_names": {TARGET: ["Nobody Else"]}}
    (other / "manifest.json").write_text(json.dumps(read_manifest(shards) | names), "utf-8")
    check_unseen(folders, "whp")
    shutil.copytree(shards, folders.teacher("teacher_student"))
    with pytest.raises(InputError, match=r"is read under '.+' for '.+', as .+ is, which a method learns from"):
        check_unseen(folders, "teacher_student")
