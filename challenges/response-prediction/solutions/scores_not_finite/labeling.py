"""Scores of pairs that are no numbers: the labels are revealed at random, and the result says why."""


def score_pairs(test_pairs, train_dir, test_dir):
    return [float("nan")] * len(test_pairs)
