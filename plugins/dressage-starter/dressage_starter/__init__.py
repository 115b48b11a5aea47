"""The embedded default: SmolLM2-135M as a named base, and a small data set to begin with."""
