"""Benchmarks: methods and seeds side by side on one set of documents and questions, each in a folder of ``benchmarks/``."""
