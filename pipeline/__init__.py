"""Nevermet: a language model is made to forget one named person, and nothing else."""
