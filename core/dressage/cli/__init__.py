"""The command line: thin commands over the host and the engine, and the console that a person sees."""
