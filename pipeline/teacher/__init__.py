"""The averaged counterfactual teacher: render, align, score, swap back, average, write shards."""
