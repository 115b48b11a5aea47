"""Does the work: data, model, rollouts, scoring, training, evaluation, record. Sees `spec` and `ops` only."""
