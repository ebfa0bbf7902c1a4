"""Engines: how token ids become log-probabilities and answers. vLLM does the work; transformers is the reference."""
