"""Means over questions with a bootstrap interval."""

from collections.abc import Sequence

LEVEL = 0.95


def mean_with_interval(values: Sequence[float], samples: int, seed: int) -> dict[str, float]:
    """Mean of ``values`` and its 95 % percentile bootstrap interval over ``samples`` resamples: mean, low, high, count."""
    import numpy as np

    data = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = data[rng.integers(0, len(data), (samples, len(data)))].mean(1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {
        "mean": round(float(data.mean()), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "count": len(data),
    }
