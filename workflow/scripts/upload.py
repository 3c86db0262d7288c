"""Stage 9: one published file, laid where Snakemake's storage plugin takes it from into an S3 bucket.

The plugin makes a bucket that it does not see, so a wrong name would go unnoticed: the bucket is looked at first.
Without credentials or a connection the plugin itself fails, before this does.
Unit: one file, its bytes as they are. Source of the protocol: Amazon S3, HeadBucket.
"""

import os
import shutil
import time
from pathlib import Path
from urllib.parse import urlsplit

from outages.errors import OutagesError
from outages.files import read_json, replacing
from outages.reporting import run

#: How the plugin is told by the environment what boto3 would else find itself (AWS_ACCESS_KEY_ID, a profile, ...).
PLUGIN = {
    "endpoint_url": "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL",
    "region_name": "SNAKEMAKE_STORAGE_S3_REGION",
    "aws_access_key_id": "SNAKEMAKE_STORAGE_S3_ACCESS_KEY",
    "aws_secret_access_key": "SNAKEMAKE_STORAGE_S3_SECRET_KEY",
    "aws_session_token": "SNAKEMAKE_STORAGE_S3_TOKEN",
}
REGION = "us-east-1"  # the plugin's default


def upload(file: Path, done: Path, there: Path, bucket: str, allow_synthetic: bool) -> None:
    """Copy `file` to `there` once the bucket ("s3://name/prefix") is known to be there.

    `done` is the receipt of publishing. Raises an `OutagesError` when the data are synthetic (unless
    `allow_synthetic`), and when the bucket is not there.
    """
    if read_json(done)["synthetic"] and not allow_synthetic:
        message = "These data come from the replica and go to no bucket (allow_synthetic is false)."
        raise OutagesError("SYNTHETIC", message)
    look_at(urlsplit(bucket).netloc)
    # The bucket tells whole seconds: in that of the files themselves the copy would look older than they are.
    newest = max(path.stat().st_mtime for path in (file, done))
    time.sleep(min(1.0, max(0.0, int(newest) + 1 - time.time())))
    with replacing(there) as part:
        shutil.copyfile(file, part)


def look_at(name: str) -> None:
    """Refuse a bucket that is not there or that the key may not list: the plugin would try to make it."""
    import boto3
    from botocore.exceptions import ClientError

    told = {argument: os.environ.get(variable) or None for argument, variable in PLUGIN.items()}
    told["region_name"] = told["region_name"] or REGION
    try:
        boto3.client("s3", **told).head_bucket(Bucket=name)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        message = f"Bucket {name} is not there, or not for this key (HTTP {status}): make it, or correct `bucket`."
        raise OutagesError("BUCKET_MISSING", message, bucket=name, status=status) from None


if "snakemake" in globals():
    run(upload, snakemake)
