"""Finetuning on questions and answers: how a benchmark's models learn what is to be forgotten, and what is to be kept."""
