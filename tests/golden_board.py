"""A small board with a file of every kind. `python -m tests.golden_board` writes its backup to tests/golden/backup-N.

A backup there is never made again: it is what an earlier Podium wrote, and this one must read it. Once a format
changes, add one with the next number.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from leaderboard.backup.save import save
from leaderboard.community.flags import Category, Draft, State
from leaderboard.community.votes import Votes
from leaderboard.identity import Asker
from leaderboard.records import Abilities, Failure, Fault, Person, PodiumBlock, Progress, Provenance, Request, Score
from leaderboard.results.job_logs import JobLogs
from leaderboard.service import Service, open_service
from leaderboard.settings import Settings

GOLDEN = Path(__file__).parent / "golden"
PRIVATE_FILES = {"benchmarks/tiny/labels.csv": b"1,0\n", "artifacts/ab/ab12": b"an upload\n"}
ADA, MIA = Person(name="ada"), Person(name="mia")


def open_board(folder: Path, **more: Any) -> Service:
    """A board of the tiny benchmark with its data in `folder`, and no Hub."""
    given = {
        "hub_endpoint": "http://127.0.0.1:9",
        "benchmarks": "tiny",
        "maintainers": "mia",
        "work_dir": folder / "work",
    }
    folders = {"requests_dir": folder / "requests", "results_dir": folder / "results"}
    return open_service(Settings.model_validate(given | folders | more))


def fill(service: Service) -> None:
    """Put a request in every state on the board, a result with details, a flag, votes, a decision, a log, a worker."""
    queue, worker = service.queue, Abilities(worker="w1", device="a processor", slots=2, benchmarks=["tiny"])
    for name in ("waits", "runs", "finished", "failed", "cancelled"):
        request = Request(
            model=f"org/{name}", revision="a" * 40, benchmark="tiny", precision="float32", sender="ada", params=0.001,
            files={"config.json": "b" * 40},
        )  # fmt: skip
        service.queue.submit(request)
    by_name = {request.model.partition("/")[2]: request for request in queue.pending()}
    Votes(queue).give(by_name["waits"], "bob")
    queue.cancel(by_name["cancelled"], "ada", "a mistake")
    queue.renew(queue.claim(by_name["runs"], "w1", 120.0), 120.0, Progress(task="tiny_sums", done=1, total=9))
    out_of_memory = Failure(fault=Fault.SUBMISSION, code="out_of_memory", message="It needed more memory.")
    queue.fail(queue.claim(by_name["failed"], "w1", 120.0), out_of_memory)
    finished = queue.claim(by_name["finished"], "w1", 120.0)
    path = publish(service, finished)
    queue.finish(finished, f"published as {path}")
    JobLogs(queue.store).write(finished.id, "All went well.\n")
    queue.store.commit({"workers/w1.json": worker.model_dump_json(indent=2).encode()}, "What w1 can do")
    draft = Draft(model="org/finished", category=Category.COPY, evidence="It is the same as another one.")
    flag = service.flag_desk.propose(draft, Asker(ADA))
    service.flag_desk.say("flags", flag.id, "I do not think so.", Asker(MIA))
    service.flag_desk.decide(flag.id, State.ACCEPTED, Asker(MIA), "It is.")
    service.policies.decide("tiny", "do_not_submit", "org/other", "impose", MIA, "It is a copy.")
    service.contents.save("tiny")


def publish(service: Service, request: Request) -> str:
    """Publish a result of the request's attempt; its path."""
    benchmark = service.benchmark("tiny")
    block = PodiumBlock(
        request_id=request.id, attempt=request.attempts, benchmark="tiny", benchmark_version=benchmark.version,
        model=request.model, revision=request.revision, precision=request.precision, weight_type="Original",
        use_chat_template=False, time=request.job_start_time or "", average=50.0,
        provenance=Provenance(hardware="a processor"),
        scores={column.key: Score(raw=0.5, normalised=50.0, n=10) for column in benchmark.columns},
    )  # fmt: skip
    table = pa.BufferOutputStream()
    pq.write_table(pa.table({"doc_id": [0], "acc": [1.0]}), table, compression="zstd")
    aggregated = {"results": {"tiny_sums": {"acc,none": 0.5}}, "podium": block}
    return service.results.publish(aggregated, {"tiny_sums": table.getvalue().to_pybytes()})


def main() -> None:
    """Write the backup with the number that is given."""
    with tempfile.TemporaryDirectory() as folder:
        service = open_board(Path(folder))
        fill(service)
        private = Path(folder) / "private"
        for path, content in PRIVATE_FILES.items():
            (private / path).parent.mkdir(parents=True, exist_ok=True)
            (private / path).write_bytes(content)
        save(service.stores, "local", GOLDEN / f"backup-{int(sys.argv[1])}", private)


if __name__ == "__main__":
    main()
