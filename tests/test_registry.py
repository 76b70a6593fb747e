"""What ComfyUI's registry and the people who help need: pyproject.toml, changelog, licences, promises about names."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from instdiff.instdiff_modules.launcher import install
from support.pack import ROOT

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

ABOUT = ROOT / "web" / "about"
PAGES = sorted(ABOUT.rglob("*.md"))
HELP = sorted((ROOT / "web" / "docs").glob("*.md"))
VERSION = re.compile(r"\d+\.\d+\.\d+")


def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_the_name_and_the_version_are_as_the_registry_wants_them():
    project = settings()["project"]
    assert (
        re.fullmatch(r"[a-z](?:[a-z0-9]|[-_.](?![-_.])){0,98}", project["name"])
        and "comfyui" not in project["name"].lower()
    )
    assert VERSION.fullmatch(project["version"]) and 20 < len(project["description"]) < 200
    assert (ROOT / project["license"]["file"]).is_file() and project["requires-python"] == ">=3.10"
    assert (
        re.fullmatch(r"[a-z0-9-]+", settings()["tool"]["comfy"]["PublisherId"])
        and settings()["tool"]["comfy"]["DisplayName"]
    )


def test_the_comfyui_that_is_required_is_the_oldest_that_is_tested():
    required = settings()["tool"]["comfy"]["requires-comfyui"]
    assert required == f">={install.OLDEST}"
    shared = (ROOT / "tests" / "comfy" / "conftest.py").read_text(encoding="utf-8")
    versions = (ROOT / "tests" / "comfy" / "test_versions.py").read_text(encoding="utf-8")
    assert 'start_server(tmp_path_factory.mktemp("oldest"), install.OLDEST)' in shared
    both = "params=[install.OLDEST, install.NEWEST]"
    assert both in shared and "any_server" in versions, "both ends of the range make pictures"
    assert numbers(install.OLDEST) < numbers(install.NEWEST) == max(map(numbers, install.COMFYUI))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert install.OLDEST in readme and install.NEWEST in readme


def test_ci_runs_these_tests_and_everything_else():
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("python3 quickstart.py test")


def test_what_is_installed_is_what_the_manager_installs():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(settings()["project"]["dependencies"]) == sorted(
        name for line in lines if (name := line.partition("#")[0].strip())
    )


def test_the_changelog_begins_with_this_version_and_goes_back():
    found = re.findall(r"^## (\S+)", (ABOUT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert found[0] == settings()["project"]["version"] and all(map(VERSION.fullmatch, found))
    assert found == sorted(found, key=numbers, reverse=True) and len(set(found)) == len(found)
    first = (ABOUT / "CHANGELOG.md").read_text(encoding="utf-8").split("\n## ")[1]
    assert f"ComfyUI {install.OLDEST} to {install.NEWEST}" in first


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *PAGES, *HELP], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_links_between_our_pages_lead_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / unquote(path)).resolve() if path else page
        assert file.is_file(), f"{target} in {page.name}"
        if heading and file.suffix == ".md":
            headings = {
                re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-")
                for line in re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M)
            }
            assert heading in headings, f"{target} in {page.name}"


def test_whoever_reads_the_readme_finds_every_page():
    seen, open_pages = set(), [ROOT / "README.md"]
    while open_pages:
        page = open_pages.pop()
        for target in re.findall(r"\]\(([^)#\s]+\.md)\)", page.read_text(encoding="utf-8")):
            file = (page.parent / target).resolve()
            if not target.startswith("http") and file not in seen:
                seen.add(file)
                open_pages.append(file)
    assert {page.resolve() for page in (*PAGES, *HELP)} <= seen


def test_every_file_that_templates_link_to_has_a_word_about_its_licence():
    told = (ABOUT / "weights.md").read_text(encoding="utf-8")
    owners = {
        owner
        for path in (ROOT / "workflows").glob("*.json")
        for owner in re.findall(r"huggingface\.co/([\w.-]+/[\w.-]+)/", path.read_text(encoding="utf-8"))
    }
    assert owners, "templates link to weights"
    assert {owner for owner in owners if owner not in told} == set()
