"""What every test may use: the shared data folder, when there is one."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "shards"

# Other work on the machine decides how long an example takes.
settings.register_profile("tokbench", deadline=None)
settings.load_profile("tokbench")


def _find_shared() -> Path | None:
    named = os.environ.get("TOKBENCH_SHARED")
    candidates = (
        [Path(named)] if named else [parent.parent / "shared" for parent in Path(__file__).resolve().parents]
    )
    return next((path for path in candidates if (path / "data").is_dir()), None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real text, real tokenizers and golden results; skips where it is absent."""
    found = _find_shared()
    if found is None:
        pytest.skip("no shared data folder beside the checkout (set TOKBENCH_SHARED to name one)")
    return found


@pytest.fixture(scope="module")
def storage() -> Iterator[Any]:
    """An S3 stand-in on this machine, which this process and those it starts find in the environment."""
    server = pytest.importorskip("moto.server", reason="moto[server] stands in for S3")
    boto3 = pytest.importorskip("boto3", reason="boto3 fills the S3 stand-in")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        # The stand-in's content belongs to the process and outlives its server.
        urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
    running.stop()
