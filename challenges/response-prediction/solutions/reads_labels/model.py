"""Looks for the labels, which are nowhere in its sight."""


def train(train_dir):
    open(train_dir + "/../labels.csv")


def predict(train_dir, test_dir, labeled_pairs):
    return []
