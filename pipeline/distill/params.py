"""Section ``distill``: the training of the student."""

from pydantic import Field

from pipeline.core.validation import Seed
from pipeline.train.params import TrainParams


class DistillParams(TrainParams):
    """Section ``distill``."""

    epochs: int = Field(1, ge=1)  # two were not told apart from it
    retain_weight: float = Field(1.0, ge=0)  # of a retain position; 0 leaves retain passages out
    retain_scale: float = Field(0.05, ge=0)  # nats of KL at which a retain position counts once, more counts more; 0: all alike
    retain_per_forget: float = Field(0.8, ge=0, le=1e6)  # retain passages an epoch, for each forget passage
    shuffle_row_groups: int = Field(32, ge=1)  # of the shards, held in memory, among which passages are shuffled
    seed: Seed = 0
