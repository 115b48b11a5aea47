"""What Dressage costs and what it achieves, measured: `python -m benchmarks.bench`, `python -m benchmarks.evidence`."""
