"""The Rasch model of rasch.py, fitted again with the labels that are revealed."""

from rasch import Rasch, read


def train(train_dir):
    global known, category
    known = [
        (row["model_id"], row["item_id"], int(row["response"])) for row in read(train_dir + "/train_responses.csv")
    ]
    category = {row["item_id"]: row["category"] for row in read(train_dir + "/train_items.csv")}


def predict(train_dir, test_dir, labeled_pairs):
    category.update({row["item_id"]: row["category"] for row in read(test_dir + "/test_items.csv")})
    revealed = [(pair["model_id"], pair["item_id"], int(pair["label"])) for pair in labeled_pairs]
    fitted = Rasch(known + revealed, category)
    for model, ability in list(fitted.abilities().items())[:5]:
        print(f"{ability:+.2f} {model}")
    return [
        {**row, "predicted_probability": float(fitted.probability(row["model_id"], row["item_id"]))}
        for row in read(test_dir + "/test_pairs.csv")
    ]
