"""All measurements of speed and memory: `make bench`, which is `python -m benchmarks.bench`."""

from benchmarks.iteration import main

if __name__ == "__main__":
    main()
