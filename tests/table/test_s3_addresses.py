"""Tables in an S3 store: one object, a folder, a pattern; and the errors."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.table.sources.progress import Progress
from support.object_store import BUCKET, ObjectStore, object_store
from support.survey_files import CDC_COLUMNS, csv_text, many_rows
from support.two_readers import Read, cluster_of, read_in_small_blocks, reason_of
from support.web_files import CSV, OTHER_CSV, WRITTEN, means_of

PARTS = [csv_text(many_rows()[start : start + 200], CDC_COLUMNS).encode() for start in (0, 200, 400)]


@pytest.fixture(scope="module")
def _store() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture
def store(_store: ObjectStore) -> ObjectStore:
    """An empty store."""
    _store.empty()
    return _store


@pytest.fixture(scope="module")
def client(_store: ObjectStore) -> Iterator[Any]:
    with cluster_of(2) as client:  # workers get the store's address from the environment
        yield client


@pytest.mark.parametrize("path", WRITTEN)
def test_an_object_is_read_like_the_file(tmp_path: Path, store: ObjectStore, read: Read, path: str) -> None:
    (tmp_path / path[1:]).write_bytes(WRITTEN[path])
    table = read(store.put(path[1:], WRITTEN[path]))
    assert means_of(table) == means_of(read(tmp_path / path[1:]))
    assert (table.report.rows_read, table.report.source) == (600, path[1:])


@pytest.mark.parametrize("source", ["parts", "parts/", "parts/*", "*/?.csv*"])
def test_the_objects_of_a_folder_are_one_table(store: ObjectStore, read: Read, source: str) -> None:
    store.put("parts/a.csv", PARTS[0])
    store.put("parts/b.csv", PARTS[1])
    store.put("parts/c.csv.gz", gzip.compress(PARTS[2]))
    if "*" not in source:
        store.put("parts/_SUCCESS", b"done")
        store.put("parts/readme.md", b"notes")
        store.put("parts/old/a.csv", PARTS[0])
    assert read(f"s3://{BUCKET}/{source}").report.rows_read == 600


def test_the_next_load_reads_added_and_replaced_objects(store: ObjectStore, read: Read) -> None:
    store.put("parts/a.csv", PARTS[0])
    assert read(f"s3://{BUCKET}/parts").report.rows_read == 200
    store.put("parts/b.csv", PARTS[1])
    store.put("parts/a.csv", CSV)
    assert read(f"s3://{BUCKET}/parts").report.rows_read == 800


@pytest.mark.parametrize("replaced", ["a.csv", "b.csv"])
def test_an_object_that_is_replaced_while_dask_reads_it_is_refused(
    store: ObjectStore, client: Any, replaced: str
) -> None:
    store.put("parts/a.csv", CSV)
    store.put("parts/b.csv", CSV)

    def replace(_: Progress) -> None:
        store.put(f"parts/{replaced}", OTHER_CSV)

    reason = reason_of(lambda source: read_in_small_blocks(client, source, replace), f"s3://{BUCKET}/parts")
    assert reason.startswith(f"s3://{BUCKET}/parts")
    assert "changed while" in reason


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (f"s3://{BUCKET}/none.csv", "no such file; set STATS_DATA to the table's path"),
        (f"s3://{BUCKET}/none/*.csv", "no such file; set STATS_DATA to the table's path"),
        (f"s3://{BUCKET}", "the directory holds no table; expected files that end in .csv, "),
        ("s3://none/t.csv", "cannot be read: NoSuchBucket: The specified bucket does not exist"),
        ("s3://No_Bucket!/t.csv", "cannot be read: Parameter validation failed: Invalid bucket name"),
    ],
)
def test_a_missing_object_gives_a_one_line_error(read: Read, source: str, reason: str) -> None:
    found = reason_of(read, source)
    assert found.startswith(f"{source}: {reason}")
    assert "\n" not in found


def test_refused_credentials_are_not_shown(store: ObjectStore, read: Read) -> None:
    address = store.put("t.csv", CSV)
    with store.rejecting_keys():
        assert reason_of(read, address) == f"{address}: cannot be read: Forbidden"
