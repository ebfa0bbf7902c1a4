"""Scoring and generation, by vLLM or by plain transformers."""
