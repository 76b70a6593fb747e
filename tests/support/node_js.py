"""The editor's JavaScript, run by Node: its own tests, and questions from Python."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.pack import ROOT

TESTS = ROOT / "tests" / "js"
OLDEST = (18, 15)  # the first whose test runner writes for people


def find_node() -> tuple[str | None, str]:
    """(path of a Node that is new enough, ""), or (None, what is the matter)."""
    path = shutil.which("node") or shutil.which("nodejs")
    wanted = f"the JavaScript tests need Node.js {OLDEST[0]}.{OLDEST[1]} or newer"
    if path is None:
        return None, f"no Node.js found: {wanted}"
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        return None, f"{path} says it is {said or 'nothing'}: {wanted}"
    return path, ""


NODE, MISSING = find_node()
needs_node = pytest.mark.skipif(NODE is None, reason=MISSING)


def run_tests(path: Path) -> subprocess.CompletedProcess[str]:
    """One file of tests; its output names each test and what went wrong, without colours."""
    return _run("--test", "--test-reporter=spec", str(path))


def ask(questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Questions as tests/js/support/answer.mjs knows them -> {"answer": ...} or {"error": sentence} each."""
    done = _run(str(TESTS / "support" / "answer.mjs"), given=json.dumps(questions))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def exported(module: str, name: str) -> Any:
    """What a module of ours exports, given that JSON can hold it: exported("web/js/text/en.js", "en")."""
    path = json.dumps((ROOT / module).as_uri())
    code = f"import({path}).then((module) => console.log(JSON.stringify(module[{json.dumps(name)}])))"
    done = _run("--input-type=module", "--eval", code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    # A test runner that finds this variable believes that it is the child of another one and reports to it instead.
    environment = {k: v for k, v in os.environ.items() if k not in ("NODE_TEST_CONTEXT", "FORCE_COLOR")}
    return subprocess.run(
        [NODE, *arguments],
        input=given,
        env={**environment, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
        check=False,
    )
