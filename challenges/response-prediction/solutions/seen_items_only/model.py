"""Predicts the items of the training data only."""

import csv


def train(train_dir):
    global seen
    with open(train_dir + "/train_items.csv", newline="") as file:
        seen = {row["item_id"] for row in csv.DictReader(file)}


def predict(train_dir, test_dir, labeled_pairs):
    with open(test_dir + "/test_pairs.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["item_id"] in seen]
    return [{**row, "predicted_probability": 0.6} for row in rows]
