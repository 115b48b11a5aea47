"""Measures: toxicity, bias, refusal, answered, length, perplexity, distinct words."""
