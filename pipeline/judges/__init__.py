"""Judging answers: does one give a fact away, is it well written, does it leave the question open."""
