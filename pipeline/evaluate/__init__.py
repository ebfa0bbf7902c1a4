"""Asking a model questions, and measuring what it still knows, what it kept, and how well it speaks."""
