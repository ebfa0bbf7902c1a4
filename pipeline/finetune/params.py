"""Section ``finetune``: how a model learns questions and answers by heart."""

from dataclasses import dataclass

from pipeline.params import Precision, bounded


@dataclass(frozen=True)
class FinetuneParams:
    """Section ``finetune``. The seed is an argument of the training, since two models of one seed are compared."""

    learning_rate: float = bounded(5e-4, above=0, at_most=1)
    epochs: int = bounded(4, at_least=1)
    passages_per_step: int = bounded(4, at_least=1)  # questions with their answers, an optimizer step
    warmup_fraction: float = bounded(0.1, at_least=0, at_most=1)
    weight_decay: float = bounded(0.0, at_least=0)
    max_grad_norm: float = bounded(1.0, above=0)
    precision: Precision = "float32"  # of weights and gradients; bfloat16 takes 6 bytes a weight in place of 16
