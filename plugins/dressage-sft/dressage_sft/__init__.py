"""Supervised fine-tuning on the assistant's tokens."""
