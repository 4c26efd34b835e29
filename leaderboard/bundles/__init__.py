"""Competition bundles of Codabench, BenchGen and CodaLab: read, checked, made into benchmarks, written again."""
