"""Install a shipped challenge into a board: `python -m scripts.add_challenge qa-predictions`.

Writes its rules and its starting kit to PODIUM_BENCHMARKS_DIR and its private data to PODIUM_PRIVATE_DIR, as the
settings of the service say. Start the service again and the board is there. The private data come from a seed, a new
one each time; it is kept beside them.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from leaderboard.artifacts.places import keep_private_data, private_data
from leaderboard.benchmarks import Benchmark, load_benchmark
from leaderboard.errors import BadBenchmark, PodiumError
from leaderboard.settings import Settings, load_settings
from scripts.challenge_data import estimator, qa_predictions, response_prediction

CHALLENGES = Path(__file__).resolve().parent.parent / "challenges"
DATA: dict[str, Callable[[Path, Path, str], None]] = {
    "estimator": estimator.write,
    "qa-predictions": qa_predictions.write,
    "response-prediction": response_prediction.write,
}
"""Id -> what writes its private folder and the data of its kit by a seed."""
TEMPLATES = {"qa-predictions": {"submission": "submission/predictions.csv", "public_labels": "public_labels.csv"}}
"""Id -> what its challenge.yaml says beside the benchmark."""
SEED = "seed.txt"


def install(name: str, settings: Settings, seed: str, replace: bool = False) -> Benchmark:
    """Install a challenge. Raises BadBenchmark, also where it is there already unless `replace`, and OSError."""
    folder, private = settings.benchmarks_dir, private_data(settings, name)
    kit = folder / name / "kit"
    if private.exists() and not replace:
        raise BadBenchmark(
            [f"{private} is there already. With --replace it is made anew, and what was submitted fits it no more."]
        )
    for old in (kit, private):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(CHALLENGES / name / "kit", kit)
    private.mkdir(parents=True)
    DATA[name](private, kit, seed)
    (private / SEED).write_text(seed + "\n")
    shutil.copyfile(CHALLENGES / f"{name}.yaml", folder / f"{name}.yaml")
    benchmark = load_benchmark(folder / f"{name}.yaml")
    _describe(benchmark, kit)
    keep_private_data(settings, name)
    return benchmark


def _describe(benchmark: Benchmark, kit: Path) -> None:
    """Write the kit's challenge.yaml: what a participant's machine has to know of the benchmark."""
    said = {
        "schema_version": 1,
        "kind": benchmark.kinds[0],
        **TEMPLATES.get(benchmark.id, {}),
        "benchmark": benchmark.shown().model_dump(mode="json", exclude_defaults=True),
    }
    text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=100)
    (kit / "challenge.yaml").write_text(text, encoding="utf-8")


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=sorted(DATA), metavar="ID", help=", ".join(sorted(DATA)))
    parser.add_argument("--seed", default="", help="any text; the same one makes the same private data")
    parser.add_argument("--replace", action="store_true", help="make what is there of it anew")
    options = parser.parse_args()
    try:
        settings = load_settings()
        for name in options.names:
            benchmark = install(name, settings, options.seed or secrets.token_hex(16), options.replace)
            print(f"✓ {settings.benchmarks_dir / name}.yaml: {benchmark.title}")
            print(f"✓ {settings.benchmarks_dir / name / 'kit'}: the starting kit")
            print(f"✓ {private_data(settings, name)}: the private data")
    except (PodiumError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print("Next: start the service again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
