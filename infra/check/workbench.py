"""A copy of the configuration beside a mirror that has the stand-in provider alone, and Terraform's commands in it."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "infra" / "terraform"
PYTHON = ROOT / ".venv-infra" / "bin" / "python"
"""The virtual environment of the check: its libraries do not go with the app's."""
VERSION = "5.2.0"
"""Of azurerm, whose schema is recorded."""
PLATFORM = "linux_amd64" if os.uname().machine == "x86_64" else "linux_arm64"


def data() -> Path:
    """Where the recorded schema lies (EVCHARGING_DATA)."""
    return Path(os.environ.get("EVCHARGING_DATA", ROOT / "../shared/data")).resolve() / "azurerm"


def missing() -> str | None:
    """Why the configuration cannot be checked here, None where it can."""
    if not (data() / "schema.json").exists():
        return f"the recorded schema of azurerm is not in {data()} (EVCHARGING_DATA)"
    if not PYTHON.exists():
        return "the check's virtual environment is not there: make infra-check makes it"
    return None


@dataclass(frozen=True)
class Problem:
    """What Terraform has against a configuration."""

    text: str
    """Summary and detail."""
    file: str
    """The file it points to, empty where it points to none."""
    line: int


class Workbench:
    """A folder to plant things in: `terraform/` is a copy of the configuration, without its lock file."""

    def __init__(self, folder: Path, source: Path = TERRAFORM) -> None:
        self.terraform = folder / "terraform"
        shutil.copytree(source, self.terraform, ignore=shutil.ignore_patterns(".terraform*", "bootstrap"))
        self._settings = folder / "terraform.rc"
        self._mirror(folder / "mirror")

    def _mirror(self, mirror: Path) -> None:
        source = next(iter(json.loads((data() / "schema.json").read_text())["provider_schemas"]))
        place = mirror / source / VERSION / PLATFORM
        place.mkdir(parents=True)
        provider = place / f"terraform-provider-azurerm_v{VERSION}"
        provider.write_text(f'#!/bin/sh\nexec "{PYTHON}" "{ROOT}/infra/check/provider.py"\n')
        provider.chmod(0o755)
        self._settings.write_text(
            f'disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
        )

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "ARM_"))} | {
            "AZURERM_DATA": str(data()),
            "CHECKPOINT_DISABLE": "1",
            "PYTHONPATH": str(ROOT),
            "TF_CLI_CONFIG_FILE": str(self._settings),
            "TF_IN_AUTOMATION": "1",
        }
        command = [str(PYTHON), "-m", "infra.check.run_terraform", *arguments]
        return subprocess.run(
            command, cwd=self.terraform, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    def init(self) -> None:
        """`terraform init` without a backend. Raises RuntimeError with what it said."""
        done = self._run("init", "-backend=false", "-input=false", "-no-color")
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)

    def validate(self) -> list[Problem]:
        """`terraform validate`: what is wrong."""
        return _problems(json.loads(self._run("validate", "-json").stdout)["diagnostics"])

    def format(self) -> list[str]:
        """`terraform fmt -check`: the files that are not in its form."""
        return self._run("fmt", "-check", "-recursive", "-no-color").stdout.split()

    def test(self, name: str) -> tuple[dict[str, str], list[Problem]]:
        """Runs `tests/NAME.tftest.hcl` with the variables of its stage: by run its outcome, and what is wrong."""
        stage = "prod" if name == "prod" else "dev"
        done = self._run("test", "-json", f"-filter=tests/{name}.tftest.hcl", f"-var-file={stage}.tfvars")
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        outcomes = {
            line["@testrun"]: line["test_run"]["status"]
            for line in lines
            if line["type"] == "test_run" and line["test_run"].get("progress") == "complete"
        }
        return outcomes, _problems([line["diagnostic"] for line in lines if line["type"] == "diagnostic"])


def _problems(diagnostics: list[dict[str, Any]]) -> list[Problem]:
    return [
        Problem(
            text=f"{each['summary']} {each.get('detail', '')}".strip(),
            file=each.get("range", {}).get("filename", ""),
            line=each.get("range", {}).get("start", {}).get("line", 0),
        )
        for each in diagnostics
        if each["severity"] == "error"
    ]
