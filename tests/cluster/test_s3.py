"""What was published goes into a bucket of a real S3 server on this machine (moto's), through Snakemake's plugin."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from outages.errors import OutagesError
from upload import upload

from tests.integration.workflow_runs import Work, checkout, record

pytestmark = pytest.mark.cluster
boto3 = pytest.importorskip("boto3", reason="make test-cluster installs it")
KEY, SECRET = "AKIAOFTHETESTALONE", "secret-of-the-test-alone"
BUCKET = "outages-results"


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[str]:
    """Address of an empty S3."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (place / "s3.log").open("wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    try:
        assert process.poll() is None, (place / "s3.log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def s3(server: str) -> Any:
    client = boto3.client(
        "s3", endpoint_url=server, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET
    )
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="README", Body=b"somebody else's")
    return client


@pytest.fixture(scope="module")
def keys(server: str) -> dict[str, str]:
    """The environment that opens the bucket; no file of the user's is read."""
    return {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="module")
def work(place: Path) -> Work:
    """A month with a bucket set; by itself that changes nothing, and nobody is asked."""
    config: dict[str, Any] = {
        "months": {"first": "2025-04", "last": "2025-04"},
        "hours": [12],
        "source": {"kind": "recorded", "path": "recorded"},
        "bucket": f"s3://{BUCKET}/chile",
    }
    work = Work(place / "work", checkout(place / "code"), config)
    work.environment = {"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    work.environment |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    record(work.folder / "recorded", date(2025, 4, 1), date(2025, 4, 3))
    work.must()
    return work


def files(work: Work) -> dict[str, bytes]:
    """What belongs into the bucket, by key."""
    results = work.folder / "results"
    paths = [*results.glob("gold/*.json"), *results.glob("gold/*.parquet"), results / "dashboard/index.html"]
    return {f"chile/{path.relative_to(results)}": path.read_bytes() for path in paths}


def objects(s3: Any) -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    return {one["Key"]: s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in listed}


def test_a_dry_run_needs_no_credentials(work: Work) -> None:
    assert work.pending() == []
    pending = work.pending("bucket")
    assert len(pending) == len(files(work))
    assert "Uploading gold/market_map.json" in pending


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint"),
        ({"bucket": "s3://no-such-bucket/chile"}, "BUCKET_MISSING: Bucket no-such-bucket is not there"),
    ],
)
def test_what_cannot_be_uploaded_says_why(
    work: Work, s3: Any, keys: dict[str, str], place: Path, change: dict[str, str], words: str
) -> None:
    other = work.copy(place / f"refused-{words[:5]}")
    other.config |= {name: value for name, value in change.items() if name == "bucket"}
    other.environment = keys | {name: value for name, value in change.items() if name != "bucket"}
    told = other.must_fail("bucket")
    assert words in told
    assert list(objects(s3)) == ["README"]
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == [BUCKET]
    assert SECRET not in told


def test_the_bucket_holds_what_was_published_and_then_there_is_nothing_to_do(
    work: Work, s3: Any, keys: dict[str, str], place: Path
) -> None:
    work = work.copy(place / "uploaded")
    work.environment = dict(keys)
    work.must("bucket")
    ours = files(work)
    assert len(ours) > 15
    assert objects(s3) == ours | {"README": b"somebody else's"}
    told = work.must("bucket")
    assert "Nothing to be done" in told
    assert work.pending("bucket") == work.pending() == []

    # A change of what is published goes there too.
    record(work.folder / "recorded", date(2025, 4, 4), date(2025, 4, 4))
    work.must("bucket")
    assert objects(s3) == files(work) | {"README": b"somebody else's"}
    assert objects(s3)["chile/gold/_meta.json"] != ours["chile/gold/_meta.json"]

    # Keys are in no file, and nothing of the bucket stays here.
    held = [path for path in work.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert held == []
    assert SECRET not in work.output
    copies = [path for path in (work.folder / ".snakemake/storage").rglob("*") if path.is_file()]
    assert copies == []


def test_data_of_the_replica_go_to_no_bucket(tmp_path: Path) -> None:
    (tmp_path / "done").write_text(json.dumps({"synthetic": True}))
    with pytest.raises(OutagesError) as refused:
        upload(tmp_path / "file", tmp_path / "done", tmp_path / "there", f"s3://{BUCKET}", False)
    assert refused.value.code == "SYNTHETIC"


def test_without_a_bucket_there_is_no_such_target(work: Work, place: Path) -> None:
    other = work.copy(place / "plain")
    other.config["bucket"] = None
    assert "bucket" in other.must_fail("bucket", "-n")
    assert other.pending() == []
