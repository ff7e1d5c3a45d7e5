"""What `make` does with the web application, and what it says where it cannot."""

import json
import os
from pathlib import Path

import pytest

from devhost import web


def program(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of its own."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    monkeypatch.setattr("shutil.which", lambda name: str(tmp_path / name) if (tmp_path / name).exists() else None)
    return tmp_path


def test_without_npm_it_says_what_to_install(bin_folder: Path) -> None:
    assert "npm is not on this machine" in str(web.missing())


def test_a_new_node_of_the_machine_is_used(bin_folder: Path) -> None:
    program(bin_folder, "npm", "11.0.0")
    program(bin_folder, "node", "v24.1.0")
    assert web.missing() is None
    assert str(web.BROUGHT) not in web.environment()["PATH"]


def test_an_old_node_gives_way_to_the_one_that_npm_brings(bin_folder: Path) -> None:
    program(bin_folder, "npm", "11.0.0")
    program(bin_folder, "node", "v18.20.0")
    assert web.environment()["PATH"].startswith(str(web.BROUGHT))


def test_where_npm_brings_none_an_old_node_is_said_to_be_too_old(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bin_folder, "npm", "11.0.0")
    program(bin_folder, "node", "v18.20.0")
    monkeypatch.setattr("sys.platform", "darwin")
    assert web.missing() == "Node 22 or newer is not on this machine"


def test_the_lock_file_names_no_registry_and_every_version_is_exact() -> None:
    lock = (web.WEB / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    package = json.loads((web.WEB / "package.json").read_text())
    versions = package["dependencies"] | package["devDependencies"] | package["optionalDependencies"]
    assert [name for name, version in versions.items() if not version[0].isdigit()] == []
