"""All samples of all contracts in Node, by ajv: what Python takes, another language takes too."""

import json
import subprocess
from pathlib import Path

from tests.contract.contracts import CONTRACTS, every

SCRIPT = Path(__file__).parent / "js" / "samples.mjs"


def test_node_judges_every_sample_as_its_name_says() -> None:
    done = subprocess.run(
        ["node", str(SCRIPT), str(CONTRACTS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["count"] == len(every("valid")) + len(every("invalid")) > 40
