"""The servers and reducers that the benchmarks compare with; each runs as a process of its own."""
