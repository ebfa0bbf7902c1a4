"""Attacks on a student: what can still be got out of it by somebody who tries (Liu et al., 2024, section 4)."""
