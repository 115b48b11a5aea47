"""All measurements of speed and memory: `make bench`, which is `python -m benchmarks.bench`. About half an hour."""

from __future__ import annotations

import sys

from benchmarks import budget, growth, iteration, peers


def main() -> int:
    """One after the other; the comparison with TRL where its environment is there (`make peers`)."""
    iteration.main([])
    growth.main([])
    if peers.PEER.exists():
        peers.main([])
    else:
        print("the comparison with TRL is left out: `make peers` makes its environment", file=sys.stderr)
    return budget.main([])


if __name__ == "__main__":
    sys.exit(main())
