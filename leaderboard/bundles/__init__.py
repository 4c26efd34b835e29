"""Competition bundles of Codabench, BenchGen and CodaLab: read, checked, made into benchmarks, written again."""

from leaderboard.bundles.adding import add_bundle
from leaderboard.bundles.exporting import export_bundle
from leaderboard.bundles.finding import Finding, Findings
from leaderboard.bundles.model import Bundle, BundleColumn
from leaderboard.bundles.reading import BundleReading, read_bundle

__all__ = [
    "Bundle",
    "BundleColumn",
    "BundleReading",
    "Finding",
    "Findings",
    "add_bundle",
    "export_bundle",
    "read_bundle",
]
