"""Progress of long work: rate and time left, on standard error."""

from typing import Any


def quiet_libraries() -> None:
    """Keep transformers' and vLLM's own bars and notes about their insides off the terminal."""
    import warnings

    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    warnings.filterwarnings("ignore", category=FutureWarning)


def progress_bar(total: int, unit: str, label: str) -> Any:
    """A tqdm bar, a context manager with ``update``; ``unit`` is what is counted."""
    from tqdm import tqdm

    return tqdm(total=total, unit=unit, desc=label, unit_scale=total >= 10_000, dynamic_ncols=True, mininterval=0.5)
