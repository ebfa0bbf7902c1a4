"""The preset "prompted": scored under its own name, after a system prompt that the student does not see."""

import numpy as np

from pipeline.params import TEACHER_PRESETS, TeacherParams
from pipeline.segments import Segment, split_mentions
from pipeline.tables import CounterfactualName, Passage
from pipeline.teacher.counterfactuals import Renderer, teach, unlearning_prompt
from pipeline.teacher.scores import text_scores
from tests.tiny import train_byte_bpe

TARGET = "Orla Brennick"
NAMES = {TARGET: [CounterfactualName(TARGET, "Tobias Renwick", {TARGET: "Tobias Renwick"})]}
PARAMS = TeacherParams(**TEACHER_PRESETS["prompted"], top_k=5, scored_top_k=5, base_top_k=0)
PROMPT = "Complete the following passage about {name}."
FORGET = Passage(TARGET, "forget", tuple(split_mentions("Orla Brennick was born in Skell.", (TARGET,))))
RETAIN = Passage("Town 7", "retain", (Segment("Town 7 has a mill.", False),))


def test_forget_passage_is_scored_once_after_the_system_prompt_and_under_its_own_name() -> None:
    rendered = Renderer(train_byte_bpe(), PARAMS, NAMES).render(FORGET, PROMPT)
    told = unlearning_prompt(PARAMS.system_prompt, [TARGET])
    (scored,) = rendered.scored
    assert scored.text == f"<|im_start|>system\n{told}<|im_end|>\n{rendered.original.text}"
    assert told not in rendered.original.text
    after = slice(rendered.original.prefix_length, None)
    assert scored.input_ids[scored.prefix_length :] == rendered.original.input_ids[after]
    assert not rendered.stand_ins


def test_retain_passage_is_scored_as_it_stands() -> None:
    rendered = Renderer(train_byte_bpe(), PARAMS, NAMES).render(RETAIN, PROMPT)
    assert rendered.scored == [rendered.original]


def test_teacher_is_the_prompted_model_itself() -> None:
    rendered = Renderer(train_byte_bpe(), PARAMS, NAMES).render(FORGET, PROMPT)
    (scored,) = rendered.scored
    rows = len(scored.input_ids) - scored.prefix_length
    ids = np.arange(rows * 4, dtype=np.int32).reshape(rows, 4)
    logprobs = np.log(np.tile([0.4, 0.3, 0.2, 0.1], (rows, 1))).astype(np.float32)
    own = np.full(rows, np.log(1e-6), dtype=np.float32)
    taught = teach(rendered, [text_scores(scored, own, ids, logprobs)], PARAMS)
    shift = scored.prefix_length - rendered.original.prefix_length
    assert len(taught.positions)
    assert (taught.averaged.ids[:, :4] == ids[taught.positions + shift - (scored.prefix_length - 1)]).all()
    assert not taught.swapped_mass.any()
