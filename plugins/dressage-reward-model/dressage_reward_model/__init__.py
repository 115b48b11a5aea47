"""A Bradley-Terry reward model on the run's comparisons."""
