"""Who rates an answer: rules, a model behind an endpoint, or one in a folder."""
