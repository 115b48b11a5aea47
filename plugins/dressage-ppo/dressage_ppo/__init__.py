"""Clipped PPO with a value head and GAE."""
