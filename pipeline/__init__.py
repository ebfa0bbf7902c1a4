"""Targeted unlearning by causal intervention: the library behind the stages."""
