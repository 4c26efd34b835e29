"""Your submission. It is valid as it is, and predicts the share of right answers for every pair: begin here."""

import csv


def train(train_dir):
    global rate
    with open(train_dir + "/train_responses.csv", encoding="utf-8", newline="") as file:
        answers = [int(row["response"]) for row in csv.DictReader(file)]
    rate = sum(answers) / len(answers)


def predict(train_dir, test_dir, labeled_pairs):
    with open(test_dir + "/test_pairs.csv", encoding="utf-8", newline="") as file:
        return [{**row, "predicted_probability": rate} for row in csv.DictReader(file)]
