"""What organisers and participants decide while a competition runs: teams, selections, openings, reviews, baselines.

Each is one JSON file a benchmark, `competition/{benchmark}/{name}.json`, changed by compare-and-swap and with every
decision in it: in the results store where everybody may read it, in the private store where not. docs/competitions.md
explains the rules.
"""
