"""What every section of parameters that trains a model has in common."""

from pydantic import Field

from pipeline.core.params import Section
from pipeline.model.params import Precision


class TrainParams(Section):
    """Schedule, optimizer and step of one training."""

    learning_rate: float = Field(8e-5, gt=0, le=1)
    epochs: int = Field(2, ge=1)
    passages_per_step: int = Field(8, ge=1)  # sequences of an optimizer step
    warmup_fraction: float = Field(0.1, ge=0, le=1)
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    precision: Precision = "float32"  # of weights and gradients; bfloat16 takes 6 bytes a weight in place of 16
